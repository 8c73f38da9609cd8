// Writes one session's recording. The hot path only pushes numbers and texts onto columns; four times a second, or
// when a batch is large, they become one compressed chunk, written off the path. Storage that is slow makes the
// session wait (`onPressure`), storage that fails ends it (`onFailure`): nothing is dropped to go on.

import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { countOnHost } from './host-counts.ts';
import { RecentStatements } from './recent.ts';
import {
  CHUNKS_OFFSET,
  type Closing,
  type Columns,
  chunkBytes,
  type EntryEnd,
  emptyColumns,
  emptyTerminal,
  type Header,
  JOURNAL,
  KIND,
  LARGEST_SLOT_BODY,
  MAGIC,
  NO_HASH,
  PROTOCOLS,
  packBody,
  type RecordedProtocol,
  SLOT_OFFSET,
  STATE_OFFSET,
  sha256,
  slotBytes,
  type TerminalColumns,
  type TerminalEvent,
  type Totals,
  type UseCount,
} from './recording-format.ts';

/** What is known of a statement before its answer. */
export interface Begun {
  index: number;
  offsetMs: number;
  text: string;
  protocol: RecordedProtocol;
}

export interface Recorded extends Begun {
  refused: boolean;
  rows: number;
  bytes: number;
  /** null: it never had an answer. */
  durationMs: number | null;
  error: { sqlstate: string; message: string } | null;
  uses: readonly { verb: string; object: string }[];
  /** Its beginning is in the recording already. */
  announced: boolean;
  /** Of a program or a file on a host. */
  end?: EntryEnd;
}

export interface Closed {
  /** SHA-256 over everything, hex. */
  hash: string;
  closing: Closing;
}

export interface Recorder {
  readonly path: string;
  readonly totals: Required<Totals>;
  /** For whoever watches. */
  readonly recent: RecentStatements;
  /** Called on the hot path; must not throw. */
  add(statement: Recorded): void;
  /** What was on the terminal of that entry. Called on the hot path; must not throw. */
  terminal(entry: number, offsetMs: number, kind: TerminalEvent, data: string): void;
  /** Makes a chunk of what is there; `running` are statements without an answer yet, told once. */
  flush(running: Begun[]): void;
  /** Writes all, then the closing record, also on a full disk. Never rejects; null when not even that could be written. */
  close(endReason: string, durationMs: number): Promise<Closed | null>;
  uses(): UseCount[];
}

export interface RecorderEvents {
  /** True: stop taking statements from the client until it is false again. */
  onPressure(waiting: boolean): void;
  onFailure(error: unknown): void;
}

const LARGEST_BATCH_CHARACTERS = 64 * 1024;
const LARGEST_BATCH_STATEMENTS = 2_000;
const MOST_UNWRITTEN_BYTES = 1024 * 1024;
const LARGEST_ERROR_CHARACTERS = 2_000;
const MOST_USES = 300;
const LONGEST_OBJECT = 130;

/** Makes the file (0600, never over another). Errors: whatever the file system says; then there is no session. */
export async function createRecorder(
  path: string,
  header: Header,
  events: RecorderEvents,
): Promise<Recorder> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'wx', 0o600);
  try {
    const front = Buffer.alloc(CHUNKS_OFFSET);
    MAGIC.copy(front);
    front[STATE_OFFSET] = JOURNAL.open;
    const first = chunkBytes(KIND.header, 0, 0, NO_HASH, packBody(header));
    await writeAll(file, Buffer.concat([front, first]), 0);
    return new FileRecorder(path, file, first, events);
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
}

class FileRecorder implements Recorder {
  readonly path: string;
  readonly totals: Required<Totals> = {
    statements: 0,
    refused: 0,
    errors: 0,
    rowsRead: 0,
    bytesRead: 0,
    bytesWritten: 0,
    commands: 0,
    files: 0,
    connections: 0,
  };
  readonly recent = new RecentStatements();
  readonly #file: FileHandle;
  readonly #events: RecorderEvents;
  readonly #uses = new Map<string, Required<UseCount>>();
  #batch: Columns = emptyColumns();
  #batchUses: Recorded['uses'][] = [];
  /** How many rows of the batch are in `#uses` already: it is asked for in the middle of one, too. */
  #countedRows = 0;
  #batchCharacters = 0;
  #lastText: string | null = null;
  #announced = new Set<number>();
  #terminal: TerminalColumns = emptyTerminal();
  #terminalCharacters = 0;
  #lastHash: Buffer;
  #end: number;
  #chunks = 1;
  #unwritten: { kind: number; body: Buffer; first: number; last: number; count: number }[] = [];
  #unwrittenBytes = 0;
  #writing: Promise<void> | null = null;
  #failed = false;
  #pressed = false;

  constructor(path: string, file: FileHandle, firstChunk: Buffer, events: RecorderEvents) {
    this.path = path;
    this.#file = file;
    this.#events = events;
    this.#lastHash = sha256(firstChunk);
    this.#end = CHUNKS_OFFSET + firstChunk.length;
  }

  add(statement: Recorded): void {
    const { totals } = this;
    this.recent.end(statement);
    totals.statements++;
    if (statement.refused) totals.refused++;
    countOnHost(totals, statement);
    if (statement.error !== null && statement.error.sqlstate !== NOT_RUN && !statement.refused)
      totals.errors++;
    this.#push(
      statement,
      statement.durationMs === null ? -1 : Math.round(statement.durationMs * 1000),
      statement.announced,
    );
    const { rows, bytes, refused } = this.#batch;
    const position = rows.length;
    rows.push(statement.rows);
    bytes.push(statement.bytes);
    refused.push(statement.refused ? 1 : 0);
    // What was refused or skipped is no use of anything.
    this.#batchUses.push(statement.error?.sqlstate === NOT_RUN ? NO_USES : statement.uses);
    if (statement.error !== null) {
      const message = statement.error.message.slice(0, LARGEST_ERROR_CHARACTERS);
      this.#batch.errors[position] = [statement.error.sqlstate, message];
      this.#batchCharacters += message.length;
    }
    if (statement.end !== undefined) {
      this.#batch.ends ??= {};
      this.#batch.ends[position] = statement.end;
    }
    if (this.#batchCharacters > LARGEST_BATCH_CHARACTERS || position >= LARGEST_BATCH_STATEMENTS)
      this.flush([]);
  }

  terminal(entry: number, offsetMs: number, kind: TerminalEvent, data: string): void {
    const { entry: entries, offset, kind: kinds, data: texts } = this.#terminal;
    entries.push(entry);
    offset.push(Math.round(offsetMs * 1000));
    kinds.push(kind);
    texts.push(data);
    this.#terminalCharacters += data.length + 20;
    if (this.#terminalCharacters > LARGEST_BATCH_CHARACTERS) this.flush([]);
  }

  #push(statement: Begun, durationMicros: number, announced: boolean): void {
    const batch = this.#batch;
    batch.index.push(statement.index);
    batch.offset.push(Math.round(statement.offsetMs * 1000));
    batch.duration.push(durationMicros);
    batch.protocol.push(PROTOCOLS.indexOf(statement.protocol));
    if (announced && this.#announced.delete(statement.index)) {
      batch.text.push(1);
    } else if (statement.text === this.#lastText) {
      batch.text.push(0);
    } else {
      batch.text.push(statement.text);
      this.#lastText = statement.text;
      this.#batchCharacters += statement.text.length;
    }
    this.#batchCharacters += 40;
  }

  flush(running: Begun[]): void {
    for (const statement of running) {
      this.#push(statement, -1, false);
      this.#batch.rows.push(0);
      this.#batch.bytes.push(0);
      this.#batch.refused.push(0);
      this.#batchUses.push(NO_USES);
      this.#announced.add(statement.index);
      this.recent.begin(statement);
    }
    const { entry } = this.#terminal;
    if (entry.length > 0) {
      const terminal = this.#terminal;
      this.#terminal = emptyTerminal();
      this.#terminalCharacters = 0;
      this.#put(KIND.terminal, terminal, entry);
    }
    const batch = this.#batch;
    if (batch.index.length > 0) {
      this.#countUses();
      this.#batchUses = [];
      this.#countedRows = 0;
      this.#batch = emptyColumns();
      this.#batchCharacters = 0;
      this.#lastText = null;
      this.#put(KIND.statements, batch, batch.index);
    }
    if (this.#unwritten.length > 0 && !this.#failed) this.#writing ??= this.#writeOut();
  }

  #put(kind: number, columns: object, indexes: number[]): void {
    const first = indexes.reduce((a, b) => Math.min(a, b));
    const last = indexes.reduce((a, b) => Math.max(a, b));
    const body = packBody(columns);
    this.#unwritten.push({ kind, body, first, last, count: indexes.length });
    this.#unwrittenBytes += body.length;
    this.#press();
  }

  #countUses(): void {
    for (let position = this.#countedRows; position < this.#batchUses.length; position++)
      this.#countRow(position, this.#batchUses[position] ?? NO_USES);
    this.#countedRows = this.#batchUses.length;
  }

  #countRow(position: number, uses: Recorded['uses']): void {
    for (const { verb, object: whole } of uses) {
      const object = storedObject(whole);
      const key = `${verb} ${object}`;
      let count = this.#uses.get(key);
      if (count === undefined) {
        if (this.#uses.size >= MOST_USES) continue;
        count = { verb, object, statements: 0, rows: 0, bytes: 0, durationMs: 0, errors: 0 };
        this.#uses.set(key, count);
      }
      if (this.#batch.errors[position] !== undefined) {
        count.errors++;
        continue;
      }
      count.statements++;
      count.rows += this.#batch.rows[position] ?? 0;
      count.bytes += this.#batch.bytes[position] ?? 0;
      count.durationMs += Math.max(0, this.#batch.duration[position] ?? 0) / 1000;
    }
  }

  uses(): UseCount[] {
    this.#countUses();
    return [...this.#uses.values()];
  }

  async #writeOut(): Promise<void> {
    try {
      for (let next = this.#unwritten[0]; next !== undefined; next = this.#unwritten[0]) {
        const bytes = chunkBytes(next.kind, next.first, next.last, this.#lastHash, next.body);
        await writeAll(this.#file, bytes, this.#end);
        this.#lastHash = sha256(bytes);
        this.#end += bytes.length;
        this.#chunks++;
        this.#unwritten.shift();
        this.#unwrittenBytes -= next.body.length;
        this.#press();
      }
    } catch (error) {
      this.#failed = true;
      this.#events.onFailure(error);
    } finally {
      this.#writing = null;
    }
  }

  #press(): void {
    const pressed = this.#unwrittenBytes > MOST_UNWRITTEN_BYTES;
    if (pressed === this.#pressed) return;
    this.#pressed = pressed;
    this.#events.onPressure(pressed);
  }

  async close(endReason: string, durationMs: number): Promise<Closed | null> {
    this.flush([]);
    await this.#writing;
    try {
      await this.#journal(JOURNAL.closing);
      const closing = this.#closing(endReason, durationMs);
      const { bytes, hash } = slotBytes(closing, this.#lastHash);
      await writeAll(this.#file, bytes, SLOT_OFFSET);
      await this.#file.datasync();
      await this.#journal(JOURNAL.closed);
      return { hash: hash.toString('hex'), closing };
    } catch {
      return null;
    } finally {
      await this.#file.close().catch(() => undefined);
    }
  }

  async #journal(state: number): Promise<void> {
    await writeAll(this.#file, Buffer.from([state]), STATE_OFFSET);
  }

  #closing(endReason: string, durationMs: number): Closing {
    const facts: Closing = {
      endedAtMs: Date.now(),
      durationMs: Math.round(durationMs),
      endReason,
      totals: this.totals,
      uses: this.uses(),
      chunks: this.#chunks,
      end: this.#end,
      lost: null,
    };
    if (this.#unwritten.length === 0) return facts;
    const [head, ...rest] = this.#unwritten;
    const room = LARGEST_SLOT_BODY - packBody(facts).length - 200;
    if (head !== undefined && head.kind === KIND.statements && head.body.length * 1.4 < room) {
      facts.tail = { body: head.body.toString('base64'), first: head.first, last: head.last };
    } else if (head !== undefined) rest.unshift(head);
    const lost = rest.reduce((sum, batch) => sum + batch.count, 0);
    facts.lost = lost === 0 ? null : lost;
    return facts;
  }
}

const NO_USES: Recorded['uses'] = [];

/** As the store takes it: a path on a host may hold anything. */
function storedObject(object: string): string {
  const cut = object.length > LONGEST_OBJECT ? object.slice(0, LONGEST_OBJECT) : object;
  return (cut.includes('\0') ? cut.replaceAll('\0', '\ufffd') : cut).toWellFormed();
}

/** In place of a SQLSTATE: the statement was sent, and skipped by the target after an earlier error. */
export const NOT_RUN = '';

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
