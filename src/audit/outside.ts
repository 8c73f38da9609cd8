// The copy of the log that is kept outside the database: `audit/leaves` (32 bytes a leaf hash, by index) and
// `audit/checkpoints` (signed notes, each followed by an empty line). It shows exactly what somebody rewrote who
// holds the database, and it is what the signer trusts: a checkpoint is signed only over what continues this copy.
// Leaves are on the disk before a checkpoint that covers them is; what no checkpoint covers may be torn.

import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { AuditAlarm } from './alarm.ts';
import type { LogKeys } from './log-keys.ts';
import { type CheckpointBody, LONGEST_NOTE, openNote, parseCheckpoint } from './verify/note.ts';
import { CompactRange, HASH_BYTES } from './verify/tree.ts';

const PRIVATE_FOLDER_MODE = 0o700;
const PRIVATE_FILE_MODE = 0o600;
const LEAVES_A_READ = 16_384;
const BYTES_A_READ = 65_536;

/** The files, open for reading: for verify and export, beside a running sequencer. */
export interface OutsideFiles {
  leaves: FileHandle | null;
  checkpoints: FileHandle | null;
  /** Whole leaf hashes, and bytes of checkpoints, when they were opened. */
  leafCount: number;
  checkpointBytes: number;
  close(): Promise<void>;
}

export async function openOutsideFiles(dataFolder: string): Promise<OutsideFiles> {
  const [leaves, checkpoints] = [
    await openToRead(leavesFile(dataFolder)),
    await openToRead(checkpointsFile(dataFolder)),
  ];
  // Checkpoints are measured first: leaves that they cover are then there as well.
  const checkpointBytes = (await checkpoints?.stat())?.size ?? 0;
  const leafCount = Math.floor(((await leaves?.stat())?.size ?? 0) / HASH_BYTES);
  const close = async () => {
    await Promise.all([leaves?.close(), checkpoints?.close()]);
  };
  return { leaves, checkpoints, leafCount, checkpointBytes, close };
}

/** The bytes of leaf hashes `[from, to)`; fewer where the file ends. */
export async function readLeaves(handle: FileHandle, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.alloc((to - from) * HASH_BYTES);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, from * HASH_BYTES + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled - (filled % HASH_BYTES));
}

/** The kept notes in order, with the offset behind each. What follows the last whole note is left out. */
export async function* readNotes(
  handle: FileHandle,
  bytes: number,
): AsyncGenerator<{ note: string; endsAt: number }> {
  let rest = Buffer.alloc(0);
  let readTo = 0;
  let endsAt = 0;
  while (readTo < bytes) {
    const piece = Buffer.alloc(Math.min(BYTES_A_READ, bytes - readTo));
    const { bytesRead } = await handle.read(piece, 0, piece.length, readTo);
    if (bytesRead === 0) return;
    readTo += bytesRead;
    rest = Buffer.concat([rest, piece.subarray(0, bytesRead)]);
    for (let end = noteEnd(rest); end > 0; end = noteEnd(rest)) {
      endsAt += end;
      yield { note: rest.toString('utf8', 0, end - 1), endsAt };
      rest = rest.subarray(end);
    }
    if (rest.length > 4 * LONGEST_NOTE) {
      yield { note: rest.toString('utf8', 0, LONGEST_NOTE), endsAt: readTo };
      return;
    }
  }
}

/** The writing side, of which the sequencer holds one. */
export class OutsideCopy {
  readonly #leaves: FileHandle;
  readonly #checkpoints: FileHandle;
  #tree: CompactRange;
  #newest: CheckpointBody | null;
  #checkpointBytes: number;
  /** Whole leaf hashes that the file held when it was opened. */
  readonly foundLeaves: number;

  private constructor(
    leaves: FileHandle,
    checkpoints: FileHandle,
    found: { tree: CompactRange; newest: CheckpointBody | null; checkpointBytes: number; leaves: number },
  ) {
    this.#leaves = leaves;
    this.#checkpoints = checkpoints;
    this.#tree = found.tree;
    this.#newest = found.newest;
    this.#checkpointBytes = found.checkpointBytes;
    this.foundLeaves = found.leaves;
  }

  /**
   * Opens or makes the files and checks all leaves against the newest kept checkpoint (about a second for a
   * million). What lies behind it was torn by a crash, or comes again from the store: it is dropped.
   * Errors: AuditAlarm when the copy does not fit its own checkpoint.
   */
  static async open(dataFolder: string, keys: Pick<LogKeys, 'origin' | 'verifierFor'>): Promise<OutsideCopy> {
    await mkdir(join(dataFolder, 'audit'), { recursive: true, mode: PRIVATE_FOLDER_MODE });
    const leaves = await openToWrite(leavesFile(dataFolder));
    const checkpoints = await openToWrite(checkpointsFile(dataFolder));
    try {
      const { size: bytes } = await checkpoints.stat();
      let last: { note: string; endsAt: number } | null = null;
      for await (const kept of readNotes(checkpoints, bytes)) last = kept;
      const newest = last === null ? null : openKept(last.note, keys);
      const found = Math.floor((await leaves.stat()).size / HASH_BYTES);
      const tree = await treeOf(leaves, newest?.size ?? 0);
      if (newest !== null && !tree.root().equals(newest.root)) {
        throw new AuditAlarm(
          0,
          `The copy outside the database does not fit its own checkpoint for ${newest.size}.`,
        );
      }
      const checkpointBytes = last?.endsAt ?? 0;
      await checkpoints.truncate(checkpointBytes);
      return new OutsideCopy(leaves, checkpoints, { tree, newest, checkpointBytes, leaves: found });
    } catch (error) {
      await Promise.all([leaves.close(), checkpoints.close()]);
      throw error;
    }
  }

  /** Leaf hashes that it holds. */
  get size(): number {
    return this.#tree.size;
  }

  /** The newest checkpoint that it holds. */
  get newest(): CheckpointBody | null {
    return this.#newest;
  }

  root(): Buffer {
    return this.#tree.root();
  }

  read(from: number, to: number): Promise<Buffer> {
    return readLeaves(this.#leaves, from, to);
  }

  /** Adds the leaf hashes that follow, not yet forced to the disk. On an error nothing has been added. */
  async extend(hashes: readonly Buffer[]): Promise<void> {
    const tree = this.#tree.copy();
    for (const hash of hashes) tree.append(hash);
    await writeAll(this.#leaves, Buffer.concat(hashes), this.#tree.size * HASH_BYTES);
    this.#tree = tree;
  }

  /** Drops what a crash may have left behind the end, and forces the leaf hashes to the disk. */
  async syncLeaves(): Promise<void> {
    await this.#leaves.truncate(this.#tree.size * HASH_BYTES);
    await this.#leaves.sync();
  }

  /** Keeps a checkpoint of what the synced leaf hashes say, and forces it to the disk. */
  async keep(note: string, body: CheckpointBody): Promise<void> {
    const bytes = Buffer.from(`${note}\n`);
    await writeAll(this.#checkpoints, bytes, this.#checkpointBytes);
    await this.#checkpoints.sync();
    this.#checkpointBytes += bytes.length;
    this.#newest = body;
  }

  async close(): Promise<void> {
    await Promise.all([this.#leaves.close(), this.#checkpoints.close()]);
  }
}

/** The epoch (db/installation.ts) in which this copy was last found to fit the store. */
export async function readEpoch(dataFolder: string): Promise<number> {
  try {
    return Number(await readFile(join(dataFolder, 'audit', 'epoch'), 'utf8')) || 1;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 1;
    throw error;
  }
}

export async function writeEpoch(dataFolder: string, epoch: number): Promise<void> {
  await writeFile(join(dataFolder, 'audit', 'epoch'), `${epoch}\n`, { mode: PRIVATE_FILE_MODE });
}

/** Keeps a copy that a signed bridge has left behind, as evidence, so that a new one can begin. */
export async function moveAside(dataFolder: string, epoch: number): Promise<void> {
  await rename(join(dataFolder, 'audit'), join(dataFolder, `audit-before-epoch-${epoch}`));
}

function leavesFile(dataFolder: string): string {
  return join(dataFolder, 'audit', 'leaves');
}

/** Its text is a list of notes, each followed by an empty line. */
export function checkpointsFile(dataFolder: string): string {
  return join(dataFolder, 'audit', 'checkpoints');
}

async function openToRead(file: string): Promise<FileHandle | null> {
  try {
    return await open(file, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function openToWrite(file: string): Promise<FileHandle> {
  return open(file, constants.O_RDWR | constants.O_CREAT, PRIVATE_FILE_MODE);
}

function openKept(note: string, keys: Pick<LogKeys, 'origin' | 'verifierFor'>): CheckpointBody {
  const stated = parseCheckpoint(note);
  const text = stated === null ? null : openNote(note, keys.verifierFor(stated.size));
  const body = text === null ? null : parseCheckpoint(text);
  if (body === null || body.origin !== keys.origin) {
    throw new AuditAlarm(0, 'The newest checkpoint outside the database was not signed by this log.');
  }
  return body;
}

async function treeOf(leaves: FileHandle, size: number): Promise<CompactRange> {
  const tree = new CompactRange();
  while (tree.size < size) {
    const bytes = await readLeaves(leaves, tree.size, Math.min(size, tree.size + LEAVES_A_READ));
    if (bytes.length === 0) {
      throw new AuditAlarm(
        tree.size,
        `The copy outside the database was cut at ${tree.size} of ${size} entries.`,
      );
    }
    for (let at = 0; at < bytes.length; at += HASH_BYTES) tree.append(bytes.subarray(at, at + HASH_BYTES));
  }
  return tree;
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** The offset behind the first whole note and its empty line, or 0. */
function noteEnd(bytes: Buffer): number {
  const text = bytes.indexOf('\n\n');
  const signatures = text < 0 ? -1 : bytes.indexOf('\n\n', text + 2);
  return signatures < 0 ? 0 : signatures + 2;
}
