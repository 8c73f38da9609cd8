// A new cluster: its superuser's password, its files, and what to say when they cannot be made.

import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure, messageOf } from '../../base/errors.ts';
import type { Binaries } from './binaries.ts';
import type { RunAs } from './run-as.ts';
import { spawnAs, tailOf } from './server-process.ts';

export const SUPERUSER = 'postgres';
/** Below this a failed start is told as a full disk. */
const DISK_FULL_BYTES = 32 * 1024 * 1024;

/** A new cluster appears whole or not at all: it is made under another name and then renamed. */
export async function initialise(
  runAs: RunAs,
  dataFolder: string,
  password: string,
  logFile: string,
  binaries: Binaries,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const entry of readdirSync(runAs.place)) {
    if (entry.startsWith('new-')) rmSync(join(runAs.place, entry), { recursive: true, force: true });
  }
  signal?.throwIfAborted();
  const draft = join(runAs.place, `new-${randomBytes(4).toString('hex')}`);
  const passwordFile = `${draft}-password`;
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (runAs.user !== null) chownSync(passwordFile, runAs.user.uid, runAs.user.gid);
  const locale =
    binaries.majorVersion >= 17
      ? ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
      : ['--locale=C'];
  const args = [
    '-D',
    draft,
    '-U',
    SUPERUSER,
    `--pwfile=${passwordFile}`,
    '-A',
    'scram-sha-256',
    '-E',
    'UTF8',
    '-k',
  ];
  const logStart = sizeOf(logFile);
  const log = openSync(logFile, 'a', 0o600);
  try {
    const child = spawnAs(runAs, 'initdb', [...args, ...locale], log);
    // Half a cluster is thrown away at the next start, so an interrupted set-up may end hard.
    const abort = () => child.kill('SIGKILL');
    signal?.addEventListener('abort', abort, { once: true });
    const how = await new Promise<string>((done) => {
      child.once('error', (error) => done(messageOf(error)));
      child.once('exit', (code, killed) => done(killed ?? `exit code ${code}`));
    });
    signal?.removeEventListener('abort', abort);
    signal?.throwIfAborted();
    if (how !== 'exit code 0') {
      throw failureOf(`The database cannot be set up: ${how}\n${tailOf(logFile, logStart)}`, runAs.place);
    }
    renameSync(draft, dataFolder);
  } finally {
    closeSync(log);
    rmSync(passwordFile, { force: true });
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Errors: Failure `embedded-database-failed` when another major version made the data. */
export function refuseOtherVersion(dataFolder: string, binaries: Binaries): void {
  const version = readFileSync(join(dataFolder, 'PG_VERSION'), 'utf8').trim();
  if (version === String(binaries.majorVersion)) return;
  throw new Failure(
    'unavailable',
    'embedded-database-failed',
    `The data in ${dataFolder} is PostgreSQL ${version}'s; the program is version ${binaries.majorVersion}.`,
    {
      hint: `Dump it with PostgreSQL ${version} and restore it, or move ${dirname(dataFolder)} away to start empty.`,
    },
  );
}

/** `disk-full` when the disk is, otherwise `embedded-database-failed` with `message`. */
export function failureOf(message: string, folder: string): Failure {
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes < DISK_FULL_BYTES) {
    const text = `The disk is full: ${Math.floor(freeBytes / 1024 / 1024)} MB are left for ${folder}.`;
    return new Failure('unavailable', 'disk-full', text, {
      hint: 'Free some space and start again.',
      cause: message,
    });
  }
  return new Failure('unavailable', 'embedded-database-failed', message);
}

/** Hexadecimal, so that it needs no escaping in a URL. Written before the cluster, which is set up with it. */
export function keptPassword(file: string): string {
  if (existsSync(file)) {
    const kept = readFileSync(file, 'utf8').trim();
    if (/^[0-9a-f]{32,}$/.test(kept)) return kept;
  }
  const password = randomBytes(24).toString('hex');
  writeFileSync(`${file}.new`, `${password}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
  return password;
}

/** In bytes; 0 for a file that is not there. */
export function sizeOf(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}
