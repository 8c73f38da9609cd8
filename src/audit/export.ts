// The log on its way out: JSON lines in pages, so that a log of any length costs little memory and no long
// transaction. It states what is there and judges nothing; verify-log.ts judges, here or at the reader's.

import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Db } from '../db/client.ts';
import type { AuditAlarm } from './alarm.ts';
import { latestCheckpoint } from './checkpoint.ts';
import { type OutsideFiles, openOutsideFiles, readLeaves, readNotes } from './outside.ts';
import {
  CHECKPOINT_SPACING,
  type CheckpointLine,
  type EndLine,
  type EntryLine,
  EXPORT_FORMAT,
  type HeaderLine,
  linesOf,
} from './verify/export-format.ts';
import { parseLeaf } from './verify/leaf.ts';
import { type NoteVerifier, parseCheckpoint, verifierKeyText } from './verify/note.ts';
import { HASH_BYTES } from './verify/tree.ts';
import { type LogVerification, type VerifyOptions, verifyLog } from './verify/verify-log.ts';

/** Entries in one page; a multiple of CHECKPOINT_SPACING. */
const PAGE_SIZE = 8 * CHECKPOINT_SPACING;

export interface ExportOptions {
  dataFolder: string;
  /** The key that the log began with (a signer will do); its name is the log's. */
  verifier: NoteVerifier;
  /** Sizes at which a key signed last before the next one did: those checkpoints are never left out. */
  handovers?: readonly number[];
  signal?: AbortSignal;
  /** `Sequencer.status().alarm`: an export from a log that has stopped says so. */
  alarm?: AuditAlarm | null;
}

/**
 * The log up to its newest checkpoint, in pieces of whole lines. Flush the sequencer first to have everything.
 * Errors: the store's; the signal's reason.
 */
export async function* exportLog(db: Db, options: ExportOptions): AsyncGenerator<string> {
  // The copy outside is measured first: it follows the store, so whatever it has beyond the store is a finding.
  const outside = await openOutsideFiles(options.dataFolder);
  try {
    const size = (await latestCheckpoint(db))?.size ?? 0;
    const header: HeaderLine = {
      format: EXPORT_FORMAT,
      origin: options.verifier.name,
      vkey: verifierKeyText(options.verifier),
      size,
      exportedAt: new Date().toISOString(),
    };
    yield line(header);
    const kept = new KeptNotes(outside);
    for (let from = 0; from < size; from += PAGE_SIZE) {
      options.signal?.throwIfAborted();
      yield await page(db, outside, kept, {
        from,
        to: Math.min(size, from + PAGE_SIZE),
        handovers: options.handovers ?? [],
      });
      // A reader that is fast must not keep the rest of the program waiting.
      await setImmediate();
    }
    const beyond = await kept.take(Number.POSITIVE_INFINITY);
    if (beyond !== null) yield line({ checkpoint: beyond.note, from: 'outside' } satisfies CheckpointLine);
    const end: EndLine['end'] = { outsideLeaves: outside.leafCount, outsideCheckpoints: kept.count };
    if (options.alarm != null)
      end.alarm = { badIndex: options.alarm.badIndex, problem: options.alarm.message };
    yield line({ end } satisfies EndLine);
  } finally {
    await outside.close();
  }
}

/** Verifies the log as the store and the copy outside have it now. */
export function verifyStore(
  db: Db,
  options: ExportOptions,
  known: Pick<VerifyOptions, 'keptCheckpoints' | 'keptLeafHashes'> = {},
): Promise<LogVerification> {
  return verifyLog(linesOf(exportLog(db, options)), {
    ...known,
    trustedKey: verifierKeyText(options.verifier),
  });
}

interface Row {
  index: number;
  leaf: string;
  leaf_hash: Buffer | null;
  chain: Buffer | null;
  kind: string;
  actor_id: string | null;
  request_id: string | null;
  grant_id: string | null;
  session_id: string | null;
  target_id: string | null;
}

async function page(
  db: Db,
  outside: OutsideFiles,
  kept: KeptNotes,
  { from, to, handovers }: { from: number; to: number; handovers: readonly number[] },
): Promise<string> {
  const [entries, notes] = [await entriesOf(db, from, to), await notesOf(db, from, to, handovers)];
  const hashes =
    outside.leaves === null
      ? null
      : await readLeaves(outside.leaves, from, Math.max(from, Math.min(to, outside.leafCount)));
  let text = '';
  let nextEntry = 0;
  for (let blockEnd = from; blockEnd < to; ) {
    blockEnd = Math.min(to, blockEnd + CHECKPOINT_SPACING);
    const stored = notes.get(blockEnd) ?? [];
    const outsideNote = await kept.take(blockEnd);
    const sizes = [outsideNote?.size, ...stored.map((note) => note.size)]
      .filter((size) => size !== undefined)
      .sort((a, b) => a - b);
    for (const until of new Set([...sizes, blockEnd])) {
      for (let row = entries[nextEntry]; row !== undefined && row.index < until; row = entries[nextEntry]) {
        text += line(
          entryLine(
            row,
            hashes?.subarray((row.index - from) * HASH_BYTES, (row.index - from + 1) * HASH_BYTES),
          ),
        );
        nextEntry++;
      }
      const own = stored.find((note) => note.size === until);
      text += checkpointLines(until, own, outsideNote);
    }
  }
  return text;
}

interface SizedNote {
  size: number;
  note: string;
}

/** The checkpoints at `size`: one line when both places have the same, the one outside first when not. */
function checkpointLines(size: number, stored: SizedNote | undefined, outside: SizedNote | null): string {
  const inStore = stored?.size === size ? stored.note : null;
  const kept = outside?.size === size ? outside.note : null;
  if (inStore !== null && inStore === kept) return line({ checkpoint: inStore, from: 'both' });
  return (
    (kept === null ? '' : line({ checkpoint: kept, from: 'outside' })) +
    (inStore === null ? '' : line({ checkpoint: inStore, from: 'store' }))
  );
}

function entryLine(row: Row, kept: Buffer | undefined): EntryLine {
  const entry: EntryLine = {
    index: row.index,
    leafHash: row.leaf_hash?.toString('hex') ?? '',
    chain: row.chain?.toString('hex') ?? '',
    leaf: row.leaf,
  };
  if (kept !== undefined && kept.length === HASH_BYTES && !(row.leaf_hash?.equals(kept) ?? false)) {
    entry.keptLeafHash = kept.toString('hex');
  }
  const column = wrongColumn(row);
  if (column !== null) entry.column = column;
  return entry;
}

/** The columns only serve the search; one that says other than the leaf would hide the entry from it. */
function wrongColumn(row: Row): string | null {
  const leaf = parseLeaf(row.leaf);
  if (leaf === null) return 'leaf';
  if (row.kind !== leaf.kind) return 'kind';
  if (row.actor_id !== leaf.actor.id) return 'actor_id';
  if (row.request_id !== (leaf.requestId ?? null)) return 'request_id';
  if (row.grant_id !== (leaf.grantId ?? null)) return 'grant_id';
  if (row.session_id !== (leaf.sessionId ?? null)) return 'session_id';
  return row.target_id !== (leaf.targetId ?? null) ? 'target_id' : null;
}

async function entriesOf(db: Db, from: number, to: number): Promise<Row[]> {
  const { rows } = await sql<Row>`
    select index, leaf, leaf_hash, chain, kind, actor_id, request_id, grant_id, session_id, target_id
    from audit_entries where index >= ${from} and index < ${to} order by index`.execute(db);
  return rows;
}

/** The last checkpoint in each run of CHECKPOINT_SPACING and those in it at `handovers`, by the end of the run (cut at `to`). */
async function notesOf(
  db: Db,
  from: number,
  to: number,
  handovers: readonly number[],
): Promise<Map<number, SizedNote[]>> {
  const { rows } = await sql<SizedNote>`
    select size, note from (
      select size, note, row_number() over (partition by (size - 1) / ${CHECKPOINT_SPACING}::bigint order by size desc) as place
      from audit_checkpoints where size > ${from} and size <= ${to}
    ) placed where place = 1 or size = any(${[...handovers]}::bigint[]) order by size`.execute(db);
  const notes = new Map<number, SizedNote[]>();
  for (const row of rows) {
    const runEnd = Math.min(to, Math.ceil(row.size / CHECKPOINT_SPACING) * CHECKPOINT_SPACING);
    notes.set(runEnd, [...(notes.get(runEnd) ?? []), row]);
  }
  return notes;
}

/** The size of a note that is damaged: it is never skipped, so that the reader learns of it. */
const UNREADABLE = -1;

/** The notes outside in order, of which each call takes the last one up to a size. */
class KeptNotes {
  readonly #source: AsyncGenerator<{ note: string }> | null;
  #ahead: SizedNote | null = null;
  #count = 0;

  constructor(outside: OutsideFiles) {
    this.#source =
      outside.checkpoints === null ? null : readNotes(outside.checkpoints, outside.checkpointBytes);
  }

  /** Notes read so far; all of them at the end. */
  get count(): number {
    return this.#count;
  }

  /** The last of the notes that cover at most `size`, skipping those before (a damaged one never); null when there is none. */
  async take(size: number): Promise<SizedNote | null> {
    let last: SizedNote | null = null;
    for (;;) {
      this.#ahead ??= await this.#read();
      if (this.#ahead === null || this.#ahead.size > size) return last;
      last = this.#ahead;
      this.#ahead = null;
      if (last.size === UNREADABLE) return last;
    }
  }

  async #read(): Promise<SizedNote | null> {
    const next = await this.#source?.next();
    if (next === undefined || next.done === true) return null;
    this.#count++;
    const { note } = next.value;
    return { size: parseCheckpoint(note)?.size ?? UNREADABLE, note };
  }
}

function line(value: HeaderLine | EntryLine | CheckpointLine | EndLine): string {
  return `${JSON.stringify(value)}\n`;
}
