// The bytes of a recording (`<session id>.sprec`), shared by the writer and the reader.
//
//   0        magic (8), journal state (1): o open, c closing, C closed; zeros to 16
//   16       closing slot: length (4), SHA-256 of last chunk's hash + body (32), body: zstd of JSON (Closing)
//   65,536   chunks: body length (4), kind (1), smallest and largest statement index (4 + 4), hash of the chunk
//            before (32), body: zstd of JSON; kinds: the header, statements (Columns), terminals (TerminalColumns)
//
// The closing slot stands at the front and is written whole when the file is made, so that a disk that fills up
// later still takes the closing record. A chunk's hash is the SHA-256 of all its bytes and stands in the next one;
// the closing slot's hash covers the last, so it covers everything and is the recording's hash.
// Values of parameters (Bind) are not recorded; what is recorded of them will be policy's choice.

import { createHash } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

export const MAGIC = Buffer.from('SPREC\x00\x01\n', 'latin1');
export const STATE_OFFSET = 8;
export const SLOT_OFFSET = 16;
export const CHUNKS_OFFSET = 65_536;
export const LARGEST_SLOT_BODY = CHUNKS_OFFSET - SLOT_OFFSET - 36;
export const CHUNK_HEAD_BYTES = 4 + 1 + 4 + 4 + 32;
/** More than a chunk can grow to: a statement of 1 MiB after a batch that was nearly full. */
export const LARGEST_CHUNK_BODY = 16 * 1024 * 1024;
const LARGEST_CHUNK_TEXT = 64 * 1024 * 1024;

export const JOURNAL = { open: 0x6f, closing: 0x63, closed: 0x43 } as const;
export const KIND = { header: 1, statements: 2, terminal: 3 } as const;
export const NO_HASH = Buffer.alloc(32);

export interface Header {
  version: 1;
  sessionId: string;
  grantId: string;
  principal: { id: string; name: string };
  target: string;
  task: string;
  database: string;
  clientAddress: string;
  application: string | null;
  gateway: string;
  /** Unix ms; offsets of statements count from here. */
  startedAtMs: number;
}

/** Of databases, then of hosts. Recordings hold their positions: new ones go to the end. */
export const PROTOCOLS = [
  'simple',
  'extended',
  'copy',
  'function',
  'shell',
  'exec',
  'sftp',
  'forward',
] as const;
export type RecordedProtocol = (typeof PROTOCOLS)[number];

/** Statements as columns, which is smaller and faster to write than rows. All columns are equally long. */
export interface Columns {
  index: number[];
  /** Microseconds from the start of the session. */
  offset: number[];
  /** Microseconds; -1: no answer (yet, or ever). */
  duration: number[];
  /** Positions in PROTOCOLS. */
  protocol: number[];
  refused: (0 | 1)[];
  rows: number[];
  bytes: number[];
  /** 0: the text of the row before; 1: told before, when the statement began. */
  text: (string | 0 | 1)[];
  /** SQLSTATE and message, by position. */
  errors: { [position: string]: [string, string] };
  /** How it ended on a host, by position; left out where there is nothing of the kind. */
  ends?: { [position: string]: EntryEnd };
}

/** What a program or a copied file left behind. */
export interface EntryEnd {
  /** Of a program; a signal's name when one ended it. */
  exit?: number | string;
  /** Hex, of all that was moved. */
  sha256?: string;
}

/** What was on terminals, as asciicast v2 knows it. All columns are equally long. */
export interface TerminalColumns {
  /** The index of the shell or program whose terminal it is. */
  entry: number[];
  /** Microseconds from the start of the session. */
  offset: number[];
  kind: TerminalEvent[];
  data: string[];
}

/** Output, input (where policy wants it), the size (`80x24`), a mark to jump to. */
export type TerminalEvent = 'o' | 'i' | 'r' | 'm';

export function emptyTerminal(): TerminalColumns {
  return { entry: [], offset: [], kind: [], data: [] };
}

export function emptyColumns(): Columns {
  return {
    index: [],
    offset: [],
    duration: [],
    protocol: [],
    refused: [],
    rows: [],
    bytes: [],
    text: [],
    errors: {},
  };
}

export interface Totals {
  statements: number;
  refused: number;
  errors: number;
  rowsRead: number;
  bytesRead: number;
  bytesWritten: number;
  /** Of hosts; left out by recordings of earlier versions. */
  commands?: number;
  files?: number;
  connections?: number;
}

/** The verb of what passed only because its task's lists are not enforced; the object says what it was. */
export const BEYOND = 'beyond';

export interface UseCount {
  verb: string;
  object: string;
  /** Those that went well; a failed one used no right. */
  statements: number;
  rows: number;
  /** Of the same statements; each counts whole for all that it touches. Left out by recordings of earlier versions. */
  bytes?: number;
  durationMs?: number;
  errors?: number;
}

/** All that the store learns of a session at its end: kept here first, so that it is never lost. */
export interface Closing {
  endedAtMs: number;
  /** By the monotonic clock. */
  durationMs: number;
  endReason: string;
  totals: Totals;
  uses: UseCount[];
  chunks: number;
  /** Where the last whole chunk ends. */
  end: number;
  /** Statements that could not be written (the disk was full); null when all were. */
  lost: number | null;
  /** The last batch, where it could not be written as a chunk: base64 of a chunk's body. */
  tail?: { body: string; first: number; last: number };
}

export function packBody(value: object): Buffer {
  return zstdCompressSync(JSON.stringify(value), ZSTD_FAST);
}

const ZSTD_FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Errors: anything, for a body that is not ours. Bounded in what it unpacks. */
export function unpackBody(body: Buffer): unknown {
  return JSON.parse(zstdDecompressSync(body, { maxOutputLength: LARGEST_CHUNK_TEXT }).toString('utf8'));
}

export function chunkBytes(
  kind: number,
  first: number,
  last: number,
  previous: Buffer,
  body: Buffer,
): Buffer {
  const head = Buffer.allocUnsafe(CHUNK_HEAD_BYTES);
  head.writeUInt32BE(body.length, 0);
  head.writeUInt8(kind, 4);
  head.writeUInt32BE(first, 5);
  head.writeUInt32BE(last, 9);
  previous.copy(head, 13);
  return Buffer.concat([head, body]);
}

export function sha256(...parts: Buffer[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** The closing slot's bytes, and its hash: the recording's hash. Errors: RangeError when it does not fit. */
export function slotBytes(closing: Closing, lastHash: Buffer): { bytes: Buffer; hash: Buffer } {
  const body = packBody(closing);
  if (body.length > LARGEST_SLOT_BODY) throw new RangeError('The closing record is too large.');
  const hash = sha256(lastHash, body);
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(body.length);
  return { bytes: Buffer.concat([length, hash, body]), hash };
}
