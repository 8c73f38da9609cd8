// Checks an exported log from its first line to its last and names the first entry that is not as it was: in
// one pass and constant memory, with nothing but public formats. What each check is for:
//   leaf hash   the entry's own text was changed;
//   chain       entries were swapped, taken out or put in;
//   checkpoint  everything was rewritten so that it fits again, or the end is missing;
//   copies      whoever holds database and key together: the hashes and checkpoints that were kept elsewhere.
// A log may change its key: an entry announces the next one, the present one signs a checkpoint over that entry, and
// from then on the next one may sign, and once it has, only it. So the first key leads to all that follow.

import { messageOf } from '../../base/errors.ts';
import {
  type CheckpointLine,
  type EndLine,
  type EntryLine,
  type HeaderLine,
  parseHeader,
  parseLine,
} from './export-format.ts';
import { parseLeaf } from './leaf.ts';
import {
  type CheckpointBody,
  type NoteVerifier,
  openNote,
  parseCheckpoint,
  parseVerifierKey,
  verifierKeyText,
} from './note.ts';
import { CompactRange, chainHash, HASH_BYTES, leafHash } from './tree.ts';

/** Checkpoints that a reader may bring along. */
export const MOST_KEPT_CHECKPOINTS = 1_000_000;

export interface VerifyOptions {
  /**
   * A key of the log as its reader knows it, the first or one that followed. Without it the export's own key is taken
   * at its word.
   */
  trustedKey?: string | undefined;
  /** Checkpoints (whole notes) that the reader kept, in any order. */
  keptCheckpoints?: readonly string[] | undefined;
  /** Leaf hashes that the reader kept, 32 bytes each, from index 0: a copy of `audit/leaves`. */
  keptLeafHashes?: Uint8Array | undefined;
}

export interface LogVerification {
  ok: boolean;
  /** Entries that were checked and found right, counted from the start. */
  size: number;
  /** The root over those, base64 as in a checkpoint. */
  root: string;
  /** The first entry that is wrong or missing; where only a span is known, the first of the span. */
  badIndex?: number;
  problem?: string;
  /** The newest checkpoint whose signature and root are right. */
  checkpoint?: string;
  /** How much of the log the copy outside the database covers. */
  outside?: { leaves: number; checkpoints: number };
}

/** Checks `lines` (no newlines; see `linesOf`). Never throws for what the lines hold. */
export async function verifyLog(
  lines: AsyncIterable<string> | Iterable<string>,
  options: VerifyOptions = {},
): Promise<LogVerification> {
  const check = new LogCheck(options);
  try {
    for await (const line of lines) check.line(line);
    check.finish();
  } catch (error) {
    if (error instanceof Wrong)
      return { ...check.state(false), badIndex: error.index, problem: error.message };
    if (error instanceof RangeError) {
      return { ...check.state(false), badIndex: check.size, problem: messageOf(error) };
    }
    throw error;
  }
  return check.state(true);
}

/** The kind of entry that announces the log's next key: `detail.verifierKey`. */
export const KEY_ANNOUNCED = 'log-key.announced';

/** What ends a check: the first wrong index, and in words what is wrong with it. */
class Wrong extends Error {
  readonly index: number;

  constructor(index: number, problem: string) {
    super(problem);
    this.index = index;
  }
}

class LogCheck {
  readonly #options: VerifyOptions;
  readonly #tree = new CompactRange();
  #chain: Buffer = Buffer.alloc(0);
  #header: HeaderLine | null = null;
  #key: NoteVerifier | null = null;
  /** Keys that entries announced and that have not signed yet, with the entry; `ready` once that is signed for. */
  #announced: { key: NoteVerifier; index: number; ready: boolean }[] = [];
  /** Every key that has signed. */
  #keysSeen: string[] = [];
  /** The reader's checkpoints, smallest first; `#nextKept` is the first not reached. */
  #kept: { body: CheckpointBody; note: string }[] = [];
  #nextKept = 0;
  /** Entries below this are covered by a checkpoint that is right. */
  #proven = 0;
  /** The same before the newest checkpoint. */
  #provenBefore = 0;
  #newest: string | null = null;
  #largestOutside = 0;
  #outside: { leaves: number; checkpoints: number } | null = null;
  #alarm: EndLine['end']['alarm'];

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#tree.size;
  }

  state(ok: boolean): LogVerification {
    return {
      ok,
      size: this.#tree.size,
      root: this.#tree.root().toString('base64'),
      ...(this.#newest === null ? {} : { checkpoint: this.#newest }),
      ...(this.#outside === null ? {} : { outside: this.#outside }),
    };
  }

  line(text: string): void {
    if (this.#header === null) {
      this.#readHeader(text);
      return;
    }
    const line = this.#outside === null ? parseLine(text) : null;
    if (line === null) throw new Wrong(this.size, `The line for entry ${this.size} cannot be read.`);
    if ('leaf' in line) this.#entry(line);
    else if ('checkpoint' in line) this.#checkpoint(line, this.#header, this.#keyOf());
    else {
      this.#outside = { leaves: line.end.outsideLeaves, checkpoints: line.end.outsideCheckpoints };
      this.#alarm = line.end.alarm;
    }
  }

  finish(): void {
    if (this.#header === null) throw new Wrong(0, 'There is no header: this is not an exported log.');
    const { size } = this;
    if (size < this.#header.size) {
      throw new Wrong(
        size,
        `Entry ${size} is missing: the log ends before it, and should have ${this.#header.size}.`,
      );
    }
    const kept = this.#kept[this.#nextKept];
    if (kept !== undefined) {
      this.#requireSigned(kept.note, this.#header);
      throw cutBefore(size, kept.body.size, 'a checkpoint that you kept');
    }
    const { trustedKey } = this.#options;
    if (trustedKey !== undefined && !this.#keysSeen.includes(trustedKey.trim())) {
      throw new Wrong(0, 'The log names another key than the one that you trust.');
    }
    if (this.#outside === null) throw new Wrong(size, 'The export ends before its last line: it was cut.');
    if (this.#proven < size) {
      throw new Wrong(this.#proven, `No checkpoint covers the entries from ${this.#proven} to ${size - 1}.`);
    }
    if (this.#outside.leaves < this.#largestOutside) {
      const { leaves } = this.#outside;
      throw new Wrong(
        leaves,
        `The copy outside the database was cut at ${leaves}; its own checkpoints cover more.`,
      );
    }
    const hashes = this.#options.keptLeafHashes;
    if (hashes !== undefined && hashes.length > size * HASH_BYTES) {
      throw cutBefore(size, Math.floor(hashes.length / HASH_BYTES), 'the leaf hashes that you kept');
    }
    if (this.#alarm !== undefined) {
      throw new Wrong(this.#alarm.badIndex, `The log has stopped with an alarm: ${this.#alarm.problem}`);
    }
  }

  #readHeader(text: string): void {
    const header = parseHeader(text);
    if (header === null) throw new Wrong(0, 'The first line is no header of an exported log.');
    const { trustedKey, keptCheckpoints = [] } = this.#options;
    try {
      this.#key = parseVerifierKey(header.vkey);
      if (trustedKey !== undefined) parseVerifierKey(trustedKey);
    } catch (error) {
      throw new Wrong(0, messageOf(error));
    }
    this.#keysSeen.push(header.vkey);
    if (header.origin !== this.#key.name) throw new Wrong(0, 'The key is not the key of this log.');
    if (keptCheckpoints.length > MOST_KEPT_CHECKPOINTS) {
      throw new RangeError(`At most ${MOST_KEPT_CHECKPOINTS} kept checkpoints can be compared.`);
    }
    for (const note of keptCheckpoints) {
      const body = parseCheckpoint(note);
      if (body === null || body.origin !== header.origin)
        throw new Wrong(0, 'A checkpoint that you kept was not signed by this log.');
      this.#kept.push({ body, note });
    }
    this.#kept.sort((a, b) => a.body.size - b.body.size);
    this.#header = header;
    this.#compareKept();
  }

  #entry(line: EntryLine): void {
    const at = this.size;
    if (line.index > at)
      throw new Wrong(at, `Entry ${at} is missing: entry ${line.index} stands in its place.`);
    if (line.index < at)
      throw new Wrong(at, `Entry ${line.index} stands a second time, in place of entry ${at}.`);
    const hash = leafHash(line.leaf);
    const hex = hash.toString('hex');
    if (hex !== line.leafHash)
      throw new Wrong(at, `Entry ${at} is not what was logged: its hash does not fit.`);
    const chain = chainHash(this.#chain, hash);
    if (chain.toString('hex') !== line.chain) {
      throw new Wrong(at, `Entry ${at} is not the one that was logged here: the chain does not fit.`);
    }
    if (line.keptLeafHash !== undefined && line.keptLeafHash !== hex) {
      throw new Wrong(
        at,
        `Entry ${at} is not the one in the copy outside the database: history was rewritten.`,
      );
    }
    if (this.#differsFromKept(at, hash)) {
      throw new Wrong(
        at,
        `Entry ${at} is not the one in the leaf hashes that you kept: history was rewritten.`,
      );
    }
    if (line.column !== undefined) {
      throw new Wrong(at, `The store's column ${line.column} of entry ${at} says other than the entry does.`);
    }
    this.#chain = chain;
    this.#tree.append(hash);
    if (line.leaf.includes(KEY_ANNOUNCED)) this.#noteAnnounced(line.leaf, at);
    this.#compareKept();
  }

  #noteAnnounced(text: string, index: number): void {
    const leaf = parseLeaf(text);
    const verifierKey = leaf?.kind === KEY_ANNOUNCED ? leaf.detail.verifierKey : undefined;
    if (typeof verifierKey !== 'string') return;
    try {
      this.#announced.push({ key: parseVerifierKey(verifierKey), index, ready: false });
    } catch {
      throw new Wrong(index, `Entry ${index} announces a key that is none.`);
    }
  }

  #checkpoint(line: CheckpointLine, header: HeaderLine, key: NoteVerifier): void {
    const where = line.from === 'outside' ? 'The checkpoint outside the database' : 'The checkpoint';
    const stated = parseCheckpoint(line.checkpoint);
    if (stated === null) {
      const first = this.#firstDoubtful(this.size);
      throw new Wrong(first, `${where} behind entry ${this.size - 1} cannot be read.`);
    }
    const body = opened(line.checkpoint, key, header) ?? this.#openedByNext(line.checkpoint, header);
    if (body === null) {
      const first = this.#firstDoubtful(stated.size);
      throw new Wrong(first, `${where} for ${stated.size} entries was not signed by this log.`);
    }
    if (body.size > this.size) {
      throw cutBefore(
        this.size,
        body.size,
        line.from === 'store' ? 'a checkpoint' : 'a checkpoint outside the database',
      );
    }
    if (body.size < this.size) {
      throw new Wrong(body.size, `${where} for ${body.size} entries stands behind entry ${this.size - 1}.`);
    }
    this.#agree(body, where);
    if (line.from !== 'store') this.#largestOutside = body.size;
    this.#newest = line.checkpoint;
    for (const next of this.#announced) next.ready ||= next.index < body.size;
  }

  /** The first checkpoint of the next key, which signs alone from here on; null when it is none. */
  #openedByNext(note: string, header: HeaderLine): CheckpointBody | null {
    const next = this.#announced.find((one) => one.ready && opened(note, one.key, header) !== null);
    if (next === undefined) return null;
    this.#announced = this.#announced.filter((one) => one.index > next.index);
    this.#key = next.key;
    this.#keysSeen.push(verifierKeyText(next.key));
    return opened(note, next.key, header);
  }

  // The reader may have kept checkpoints that the export left out, so the next key's may come before its first here.
  #requireSigned(note: string, header: HeaderLine): void {
    const keys = [...this.#keysSeen.map(parseVerifierKey), ...this.#announced.map((one) => one.key)];
    if (keys.some((key) => opened(note, key, header) !== null)) return;
    throw new Wrong(0, 'A checkpoint that you kept was not signed by this log.');
  }

  #agree(body: CheckpointBody, where: string): void {
    if (!this.#tree.root().equals(body.root)) {
      // Of two checkpoints for the same size the second cannot lean on the first.
      const first = this.#proven < body.size ? this.#proven : this.#provenBefore;
      const span = `${first} to ${body.size - 1}`;
      throw new Wrong(
        first,
        `${where} for ${body.size} entries has another root: of ${span}, some were rewritten.`,
      );
    }
    if (body.size > this.#proven) this.#provenBefore = this.#proven;
    this.#proven = body.size;
  }

  /** Where a checkpoint for `size` entries that proves nothing leaves the reader. */
  #firstDoubtful(size: number): number {
    return Math.min(this.#proven, Math.max(size - 1, 0));
  }

  #compareKept(): void {
    for (;;) {
      const kept = this.#kept[this.#nextKept];
      if (kept === undefined || kept.body.size !== this.size || this.#header === null) return;
      this.#requireSigned(kept.note, this.#header);
      this.#agree(kept.body, 'The checkpoint that you kept');
      this.#nextKept++;
    }
  }

  #differsFromKept(at: number, hash: Buffer): boolean {
    const kept = this.#options.keptLeafHashes?.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
    return kept !== undefined && kept.length === HASH_BYTES && !hash.equals(kept);
  }

  #keyOf(): NoteVerifier {
    if (this.#key === null) throw new TypeError('The header comes before anything else.');
    return this.#key;
  }
}

function opened(note: string, key: NoteVerifier, header: HeaderLine): CheckpointBody | null {
  const text = openNote(note, key);
  const body = text === null ? null : parseCheckpoint(text);
  return body === null || body.origin !== header.origin ? null : body;
}

function cutBefore(size: number, larger: number, by: string): Wrong {
  return new Wrong(
    size,
    `Entry ${size} is missing: ${by} covers ${larger} entries. The end was cut, or an older backup was restored.`,
  );
}
