// Reads a recording a page of statements at a time, checking its hash chain from the first byte to the last each
// time: a page is only as good as the file it comes from. Chunks outside the page are hashed, not unpacked.

import { type FileHandle, open } from 'node:fs/promises';
import type { Statement } from '../api/sessions.ts';
import { codeOf } from '../base/errors.ts';
import {
  CHUNK_HEAD_BYTES,
  CHUNKS_OFFSET,
  type Closing,
  type Columns,
  type Header,
  JOURNAL,
  KIND,
  LARGEST_CHUNK_BODY,
  LARGEST_SLOT_BODY,
  MAGIC,
  NO_HASH,
  PROTOCOLS,
  SLOT_OFFSET,
  STATE_OFFSET,
  sha256,
  unpackBody,
} from './recording-format.ts';

export interface RecordingPage {
  state: 'open' | 'closed' | 'broken' | 'missing';
  /** The chain holds for everything that is there. */
  intact: boolean;
  /** What is wrong, for people. */
  problem: string | null;
  statements: Statement[];
  /** Where the next page starts; null after the last. */
  next: number | null;
  header: Header | null;
  closing: Closing | null;
  /** Hex, of a closed recording. */
  hash: string | null;
}

/** `from` is a statement's index. Errors: none; what cannot be read is told in `state` and `problem`. */
export async function readRecording(
  path: string,
  page: { from: number; limit: number },
): Promise<RecordingPage> {
  const result = emptyPage();
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    const missing = codeOf(error) === 'ENOENT';
    return {
      ...result,
      state: missing ? 'missing' : 'broken',
      intact: false,
      problem: missing ? 'There is no recording.' : 'The recording cannot be opened.',
    };
  }
  try {
    await new Reader(file, page, result).read();
  } catch (error) {
    result.state = 'broken';
    result.intact = false;
    result.problem = error instanceof BrokenRecording ? error.message : 'The recording cannot be read.';
  } finally {
    await file.close();
  }
  return result;
}

class BrokenRecording extends Error {}

/** Where the whole chunks of a recording end, and the hash there: what a recovery needs to close it. */
export interface ChainEnd {
  end: number;
  lastHash: Buffer;
  chunks: number;
}

class Reader {
  readonly #file: FileHandle;
  readonly #page: { from: number; limit: number };
  readonly #result: RecordingPage;
  readonly #found = new Map<number, Statement>();
  #last = -1;

  constructor(file: FileHandle, page: { from: number; limit: number }, result: RecordingPage) {
    this.#file = file;
    this.#page = page;
    this.#result = result;
  }

  async read(): Promise<void> {
    const front = await this.#bytes(0, SLOT_OFFSET);
    if (!front.subarray(0, MAGIC.length).equals(MAGIC))
      throw new BrokenRecording('This file is not a recording.');
    const state = front[STATE_OFFSET];
    const closed = state === JOURNAL.closed;
    this.#result.state = closed ? 'closed' : 'open';
    const slot = closed ? await this.#slot() : null;
    const chain = await walkChain(this.#file, slot?.closing.end ?? null, (chunk) => this.#chunk(chunk));
    if (slot !== null) {
      if (!sha256(chain.lastHash, slot.body).equals(slot.hash))
        throw new BrokenRecording('The closing record does not fit the chunks.');
      if (slot.closing.chunks !== chain.chunks) throw new BrokenRecording('Chunks are missing.');
      this.#result.closing = slot.closing;
      this.#result.hash = slot.hash.toString('hex');
      if (slot.closing.tail !== undefined) this.#tail(slot.closing.tail);
      if (slot.closing.lost !== null)
        this.#result.problem = `${slot.closing.lost} statements or pieces of output could not be written.`;
    }
    this.#finish();
  }

  async #slot(): Promise<{ closing: Closing; hash: Buffer; body: Buffer }> {
    const head = await this.#bytes(SLOT_OFFSET, 36);
    const length = head.readUInt32BE(0);
    if (length > LARGEST_SLOT_BODY) throw new BrokenRecording('The closing record has an impossible length.');
    const body = await this.#bytes(SLOT_OFFSET + 36, length);
    return { closing: unpack<Closing>(body, 'The closing record'), hash: head.subarray(4), body };
  }

  #chunk(chunk: Chunk): void {
    if (chunk.number === 0) {
      if (chunk.kind !== KIND.header) throw new BrokenRecording('The first chunk is not a header.');
      this.#result.header = unpack<Header>(chunk.body, 'The header');
    } else if (chunk.kind === KIND.statements) {
      this.#last = Math.max(this.#last, chunk.last);
      if (this.#wanted(chunk.first, chunk.last))
        this.#take(unpack<Columns>(chunk.body, `Chunk ${chunk.number}`));
    } else if (chunk.kind !== KIND.terminal)
      throw new BrokenRecording(`Chunk ${chunk.number} is of an unknown kind.`);
  }

  #tail(tail: { body: string; first: number; last: number }): void {
    this.#last = Math.max(this.#last, tail.last);
    if (this.#wanted(tail.first, tail.last))
      this.#take(unpack<Columns>(Buffer.from(tail.body, 'base64'), 'The last batch'));
  }

  #wanted(first: number, last: number): boolean {
    return last >= this.#page.from && first < this.#page.from + this.#page.limit;
  }

  #take(columns: Columns): void {
    const startedAtMs = this.#result.header?.startedAtMs ?? 0;
    let lastText = '';
    columns.index.forEach((index, position) => {
      const text = columns.text[position] ?? '';
      if (typeof text === 'string') lastText = text;
      if (index < this.#page.from || index >= this.#page.from + this.#page.limit) return;
      const offsetMs = (columns.offset[position] ?? 0) / 1000;
      const duration = columns.duration[position] ?? -1;
      const error = columns.errors[position];
      this.#found.set(index, {
        index,
        at: new Date(startedAtMs + offsetMs).toISOString(),
        offsetMs,
        text: text === 1 ? (this.#found.get(index)?.text ?? '') : lastText,
        protocol: PROTOCOLS[columns.protocol[position] ?? 0] ?? 'simple',
        verdict: columns.refused[position] === 1 ? 'refused' : 'passed',
        rows: columns.rows[position] ?? 0,
        bytes: columns.bytes[position] ?? 0,
        durationMs: duration < 0 ? null : duration / 1000,
        error: error === undefined ? null : { sqlstate: error[0], message: error[1] },
        exit: columns.ends?.[position]?.exit ?? null,
        sha256: columns.ends?.[position]?.sha256 ?? null,
      });
    });
  }

  #finish(): void {
    this.#result.statements = [...this.#found.values()].sort((a, b) => a.index - b.index);
    const after = this.#page.from + this.#page.limit;
    this.#result.next = this.#last >= after ? after : null;
    this.#result.intact = true;
  }

  async #bytes(position: number, count: number): Promise<Buffer> {
    const bytes = await readAt(this.#file, position, count);
    if (bytes.length < count) throw new BrokenRecording('The file ends too early.');
    return bytes;
  }
}

interface Chunk {
  number: number;
  kind: number;
  first: number;
  last: number;
  body: Buffer;
}

/**
 * Goes through the chunks, checking that each carries the hash of the one before. `end` null: an open recording,
 * whose last chunk may still be on its way. Errors: BrokenRecording, naming the chunk.
 */
export async function walkChain(
  file: FileHandle,
  end: number | null,
  visit: (chunk: Chunk) => void,
): Promise<ChainEnd> {
  let at = CHUNKS_OFFSET;
  let previous: Buffer = NO_HASH;
  let number = 0;
  while (end === null || at < end) {
    const head = await readAt(file, at, CHUNK_HEAD_BYTES);
    const length = head.length < CHUNK_HEAD_BYTES ? 0 : head.readUInt32BE(0);
    if (length > LARGEST_CHUNK_BODY) throw new BrokenRecording(`Chunk ${number} has an impossible length.`);
    const body = await readAt(file, at + CHUNK_HEAD_BYTES, length);
    if (head.length < CHUNK_HEAD_BYTES || body.length < length || length === 0) {
      if (end === null) break;
      throw new BrokenRecording(`Chunk ${number} is not complete.`);
    }
    if (!head.subarray(13).equals(previous))
      throw new BrokenRecording(`Chunk ${number} does not follow from the one before.`);
    visit({ number, kind: head.readUInt8(4), first: head.readUInt32BE(5), last: head.readUInt32BE(9), body });
    previous = sha256(head, body);
    at += CHUNK_HEAD_BYTES + length;
    number++;
  }
  if (end !== null && at !== end)
    throw new BrokenRecording('The chunks do not end where the closing record says.');
  return { end: at, lastHash: previous, chunks: number };
}

async function readAt(file: FileHandle, position: number, count: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(count);
  let done = 0;
  while (done < count) {
    const { bytesRead } = await file.read(bytes, done, count - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

/** The chain has vouched for these bytes, or is about to: what does not unpack was never ours. */
function unpack<T>(body: Buffer, what: string): T {
  try {
    return unpackBody(body) as T;
  } catch {
    throw new BrokenRecording(`${what} cannot be unpacked.`);
  }
}

function emptyPage(): RecordingPage {
  return {
    state: 'open',
    intact: false,
    problem: null,
    statements: [],
    next: null,
    header: null,
    closing: null,
    hash: null,
  };
}
