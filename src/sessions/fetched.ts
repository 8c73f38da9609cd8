// Recordings that lie in a store of objects, for whoever reads them: fetched whole into a folder of their own, held against
// the hash in the log before a byte of them is shown, and kept for a few minutes, since people read page after page.

import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, statfs, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../base/errors.ts';
import { StoreFailure } from '../object-store/store-failure.ts';
import { readRecording } from './read-recording.ts';
import { placeOf, type RecordingStore } from './recording-path.ts';

export interface Fetched {
  /**
   * A file that is the recording, for some minutes. Errors: Failure `recording-broken`, `recording-missing`,
   * `recording-store-unavailable`, `too-many-recordings`.
   */
  path(wanted: { sessionId: string; object: string; hash: string }, signal?: AbortSignal): Promise<string>;
  /** Removes one that was removed in the store. */
  forget(sessionId: string): Promise<void>;
  /** Removes what nobody has read for some minutes, and the oldest of too much. */
  sweep(): Promise<void>;
}

const FOLDER = 'fetched';
const KEPT_MS = 600_000;
const MOST_BYTES = 4 * 1024 ** 3;
const MOST_AT_ONCE = 8;
/** What has to stay free for recordings that are written. */
const ROOM_BYTES = 1024 ** 3;
const FETCH_LIMIT_MS = 300_000;

export function createFetched(ctx: { dataFolder: string; store: RecordingStore | null }): Fetched {
  const folder = join(ctx.dataFolder, 'recordings', FOLDER);
  const underWay = new Map<string, Promise<string>>();
  let ready: Promise<void> | null = null;

  // What an earlier run left may be half.
  async function begin(): Promise<void> {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }

  async function fetchOne(
    { sessionId, object, hash }: { sessionId: string; object: string; hash: string },
    outer?: AbortSignal,
  ): Promise<string> {
    const { store } = ctx;
    if (store === null)
      throw unavailable(`The recording lies at ${object}, and this replica's configuration names no store.`);
    ready ??= begin();
    await ready;
    const path = join(folder, `${sessionId}.sprec`);
    const now = new Date();
    if (
      await utimes(path, now, now).then(
        () => true,
        () => false,
      )
    )
      return path;
    const part = `${path}.part`;
    try {
      const limit = AbortSignal.timeout(FETCH_LIMIT_MS);
      const signal = outer === undefined ? limit : AbortSignal.any([limit, outer]);
      const found = await store.objects.get(placeOf(object), signal);
      if (found === null)
        throw new Failure('conflict', 'recording-missing', `There is no object at ${object} any more.`);
      await requireRoom(folder, found.bytes);
      await pipeline(Readable.fromWeb(found.body), createWriteStream(part, { mode: 0o600 }));
      const { size } = await stat(part);
      if (Number.isFinite(found.bytes) && size !== found.bytes)
        throw unavailable(`${object} came with ${size} of ${found.bytes} bytes. Try again.`);
      const page = await readRecording(part, { from: 0, limit: 0 });
      if (!page.intact || page.hash !== hash)
        throw new Failure(
          'conflict',
          'recording-broken',
          `What lies at ${object} is not the recording whose hash stands in the audit log. Nothing of it is shown.`,
        );
      await rename(part, path);
      return path;
    } catch (error) {
      await rm(part, { force: true });
      if (error instanceof Failure) throw error;
      throw unavailable(
        error instanceof StoreFailure
          ? error.message
          : `The recording at ${object} did not arrive whole. Try again.`,
        error,
      );
    }
  }

  return {
    async path(wanted, signal) {
      const same = underWay.get(wanted.sessionId);
      if (same !== undefined) return same;
      if (underWay.size >= MOST_AT_ONCE)
        throw new Failure(
          'limit',
          'too-many-recordings',
          'Too many recordings are being fetched. Try again shortly.',
        );
      const fetching = fetchOne(wanted, signal).finally(() => underWay.delete(wanted.sessionId));
      underWay.set(wanted.sessionId, fetching);
      return fetching;
    },

    async forget(sessionId) {
      await rm(join(folder, `${sessionId}.sprec`), { force: true });
    },

    async sweep() {
      if (ready === null) return;
      const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.sprec'));
      const files = await Promise.all(
        names.map(async (name) => {
          const path = join(folder, name);
          const { mtimeMs, size } = await stat(path).catch(() => ({ mtimeMs: 0, size: 0 }));
          return { path, mtimeMs, size };
        }),
      );
      let bytes = files.reduce((sum, { size }) => sum + size, 0);
      for (const { path, mtimeMs, size } of files.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
        if (mtimeMs > Date.now() - KEPT_MS && bytes <= MOST_BYTES) continue;
        await unlink(path).catch(() => undefined);
        bytes -= size;
      }
    },
  };
}

/** Whether waiting may help: the store does not answer; or not, the object is not there or not what it should be. */
export function fetchFailure(error: unknown): 'away' | 'gone' {
  return error instanceof Failure && error.kind === 'conflict' ? 'gone' : 'away';
}

function unavailable(message: string, cause?: unknown): Failure {
  return new Failure(
    'unavailable',
    'recording-store-unavailable',
    message,
    cause === undefined ? {} : { cause },
  );
}

async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (!Number.isFinite(bytes)) throw unavailable('The store does not say how long the recording is.');
  if (bavail * bsize - bytes < ROOM_BYTES)
    throw unavailable('There is no room on this disk to read a recording of that size.');
}
