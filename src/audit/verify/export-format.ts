// The exported log: JSON lines that carry everything a check needs, so that it works with no server and no store.
// In order: one header; the entries by index, each checkpoint right behind the last entry that it covers (one
// that covers more than there is comes last); one end line, so that a cut export shows.

import { isRecord } from './leaf.ts';
import { LONGEST_NOTE } from './note.ts';

export const EXPORT_FORMAT = 'sallyport-audit/1';

/** Bytes of one line: a leaf of 64 KiB of which every character is escaped, and the rest. */
export const LONGEST_LINE = 400_000;

/** Of checkpoints that lie close together an export carries the last one in each run of this many entries. */
export const CHECKPOINT_SPACING = 256;

export interface HeaderLine {
  format: typeof EXPORT_FORMAT;
  /** The log's name: the first line of each of its checkpoints. */
  origin: string;
  /** The log's public key (`verifierKeyText`). Only a reader who got it another way should believe it. */
  vkey: string;
  /** Entries in this export: as many as its newest checkpoint covers. */
  size: number;
  exportedAt: string;
}

export interface EntryLine {
  index: number;
  /** Lower-case hex. */
  leafHash: string;
  /** Lower-case hex: SHA-256(the entry before's chain || leafHash). */
  chain: string;
  /** The canonical text, exactly as hashed. */
  leaf: string;
  /** The hash that the copy outside the database has, where it differs. */
  keptLeafHash?: string;
  /** The first search column of the store that says other than the leaf does. */
  column?: string;
}

export interface CheckpointLine {
  checkpoint: string;
  /** Where it was kept: in the store, in the file outside of it, or the same in both. */
  from: 'store' | 'outside' | 'both';
}

export interface EndLine {
  end: {
    /** Leaf hashes and checkpoints in the copy outside the database. */
    outsideLeaves: number;
    outsideCheckpoints: number;
    /** What has stopped the sequencer, in its own words: entries behind the newest checkpoint may be concerned. */
    alarm?: { badIndex: number; problem: string };
  };
}

export type ExportLine = EntryLine | CheckpointLine | EndLine;

export function parseHeader(line: string): HeaderLine | null {
  const value = parseRecord(line);
  if (value === null || value.format !== EXPORT_FORMAT) return null;
  const { origin, vkey, size, exportedAt } = value;
  if (typeof origin !== 'string' || typeof vkey !== 'string' || typeof exportedAt !== 'string') return null;
  if (!isCount(size)) return null;
  return { format: EXPORT_FORMAT, origin, vkey, size, exportedAt };
}

/** Any line but the header; null when it is none. */
export function parseLine(line: string): ExportLine | null {
  const value = parseRecord(line);
  if (value === null) return null;
  if ('leaf' in value) return parseEntry(value);
  const { checkpoint, from, end } = value;
  if (typeof checkpoint === 'string') {
    if (from !== 'store' && from !== 'outside' && from !== 'both') return null;
    return checkpoint.length > LONGEST_NOTE ? null : { checkpoint, from };
  }
  if (!isRecord(end)) return null;
  return parseEnd(end);
}

/**
 * Whole lines, without their newlines, out of pieces of a stream. Bytes are faster than text: a line's text is
 * then made once. Errors: RangeError above LONGEST_LINE.
 */
export async function* linesOf(
  pieces: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : asBuffer(piece);
    let from = 0;
    for (let to = bytes.indexOf(NEWLINE); to >= 0; to = bytes.indexOf(NEWLINE, from)) {
      if (rest.length === 0) yield bytes.toString('utf8', from, to);
      else {
        yield Buffer.concat([rest, bytes.subarray(from, to)]).toString('utf8');
        rest = Buffer.alloc(0);
      }
      from = to + 1;
    }
    if (from < bytes.length) rest = Buffer.concat([rest, bytes.subarray(from)]);
    if (rest.length > LONGEST_LINE) throw new RangeError(`A line is longer than ${LONGEST_LINE} bytes.`);
  }
  if (rest.length > 0) yield rest.toString('utf8');
}

const NEWLINE = 10;

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function parseEntry(value: Record<string, unknown>): EntryLine | null {
  const { index, leafHash, chain, leaf, keptLeafHash, column } = value;
  if (typeof leaf !== 'string' || typeof leafHash !== 'string' || typeof chain !== 'string') return null;
  if (!isCount(index)) return null;
  const line: EntryLine = { index, leafHash, chain, leaf };
  if (typeof keptLeafHash === 'string') line.keptLeafHash = keptLeafHash;
  if (typeof column === 'string') line.column = column;
  return line;
}

function parseEnd(end: Record<string, unknown>): EndLine | null {
  const { outsideLeaves, outsideCheckpoints, alarm } = end;
  if (!isCount(outsideLeaves) || !isCount(outsideCheckpoints)) return null;
  if (alarm === undefined) return { end: { outsideLeaves, outsideCheckpoints } };
  if (!isRecord(alarm) || !isCount(alarm.badIndex) || typeof alarm.problem !== 'string') return null;
  const { badIndex, problem } = alarm;
  return { end: { outsideLeaves, outsideCheckpoints, alarm: { badIndex, problem } } };
}

function parseRecord(line: string): Record<string, unknown> | null {
  if (line.length > LONGEST_LINE) return null;
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
