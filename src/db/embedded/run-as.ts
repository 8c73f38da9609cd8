// PostgreSQL refuses to run as root, and does not start as a user without a name. So, in this order: as who we are;
// as root in a user namespace, where root's own files look like somebody else's (nothing has to be moved or
// chowned, also below a folder with mode 0700); as root where namespaces are forbidden, as another user, with
// programs and data in folders that this user can reach.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Failure } from '../../base/errors.ts';
import type { Binaries } from './binaries.ts';
import type { ServerLog } from './server-process.ts';

export interface RunAs {
  /** What to execute instead of `program args`. */
  command(program: string, args: string[]): { file: string; args: string[] };
  /** The user to become, or null to stay who we are. */
  user: { uid: number; gid: number } | null;
  /** Where `postgres` and `initdb` are for that user. */
  programs: string;
  /** A folder that this user can write, holding the cluster's data. */
  place: string;
}

const PROBE_TIMEOUT_MS = 10_000;
/** Where a dropped user keeps what it cannot reach elsewhere. */
const SHARED_HOME = '/var/lib/sallyport';
/** In the cluster's folder: where the data is, when it is not there itself. */
const PLACE_FILE = 'place';
const USERS_TO_DROP_TO = ['sallyport', 'postgres', 'nobody'];

interface User {
  name: string;
  uid: number;
  gid: number;
}

/**
 * `folder` is where the cluster's data should be (existing, absolute, real). Errors: Failure `cannot-run-database`
 * when neither way is open.
 */
export function chooseRunAs(folder: string, binaries: Binaries, log: ServerLog): RunAs {
  const uid = process.getuid?.() ?? -1;
  const users = knownUsers();
  const place = recordedPlace(folder);
  const direct = (program: string, args: string[]) => ({ file: program, args });
  if (uid !== 0 && (users.length === 0 || users.some((user) => user.uid === uid))) {
    return { command: direct, user: null, programs: binaries.folder, place };
  }
  const mapped = preferredUser(users);
  const namespace = mapped === undefined ? null : namespaceCommand(mapped);
  if (namespace !== null && runs(namespace(join(binaries.folder, 'postgres'), ['--version']))) {
    // Data that another user owned (an earlier run without namespaces) would look like a stranger's in there.
    if (uid === 0) giveTo(place, { uid: 0, gid: 0 });
    log.info(
      `As ${uid === 0 ? 'root' : `user ${uid}`}, the database server runs in a user namespace of its own.`,
    );
    return { command: namespace, user: null, programs: binaries.folder, place };
  }
  if (uid !== 0 || mapped === undefined) {
    throw new Failure(
      'unavailable',
      'cannot-run-database',
      `PostgreSQL cannot run as user ${uid}, which has no name here.`,
      {
        hint: 'Run as a user that /etc/passwd knows, or set DATABASE_URL to a PostgreSQL of your own.',
      },
    );
  }
  const programs = reachablePrograms(binaries, mapped);
  const reachable = reachablePlace(folder, place, mapped);
  giveTo(reachable, mapped);
  log.info(
    `As root without user namespaces, the database server runs as user ${mapped.name}, in ${reachable}.`,
  );
  return { command: direct, user: { uid: mapped.uid, gid: mapped.gid }, programs, place: reachable };
}

function knownUsers(): User[] {
  if (!existsSync('/etc/passwd') || process.platform === 'darwin') return [];
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid = '', gid = '']) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter((user) => user.name !== '' && Number.isSafeInteger(user.uid) && Number.isSafeInteger(user.gid));
}

function preferredUser(users: User[]): User | undefined {
  const named = USERS_TO_DROP_TO.flatMap((name) =>
    users.filter((user) => user.name === name && user.uid > 0),
  );
  return named[0] ?? users.find((user) => user.uid > 0);
}

function namespaceCommand(mapped: User): RunAs['command'] {
  const map = ['--user', `--map-user=${mapped.uid}`, `--map-group=${mapped.gid}`];
  return (program, args) => ({ file: 'unshare', args: [...map, '--', program, ...args] });
}

function runs(command: { file: string; args: string[] }, user?: User): boolean {
  try {
    execFileSync(command.file, command.args, {
      stdio: 'ignore',
      timeout: PROBE_TIMEOUT_MS,
      cwd: '/',
      ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    });
    return true;
  } catch {
    return false;
  }
}

function reachablePrograms(binaries: Binaries, user: User): string {
  if (runs({ file: join(binaries.folder, 'postgres'), args: ['--version'] }, user)) return binaries.folder;
  const copy = join(sharedHome(), `postgresql-${binaries.build}`);
  if (!existsSync(copy)) {
    const draft = `${copy}.new-${process.pid}`;
    rmSync(draft, { recursive: true, force: true });
    cpSync(binaries.root, draft, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(draft, copy);
    } catch (error) {
      rmSync(draft, { recursive: true, force: true });
      if (!existsSync(copy)) throw error;
    }
  }
  return join(copy, basename(binaries.folder));
}

function reachablePlace(folder: string, place: string, user: User): string {
  if (canEnter(dirname(place), user)) return place;
  // The data folder above is ours: passing through it shows nothing (its files are 0600), and the data stays
  // with the installation instead of on a disk that may not outlive it (a container's).
  const parent = dirname(folder);
  const { mode } = statSync(parent);
  chmodSync(parent, mode | 0o001);
  if (canEnter(parent, user)) return folder;
  chmodSync(parent, mode);
  // Named after where it belongs, so that two installations never share one, and written down for the next start.
  const name = `${basename(folder)}-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`;
  const elsewhere = join(sharedHome(), name);
  mkdirSync(elsewhere, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, PLACE_FILE), `${elsewhere}\n`, { mode: 0o600 });
  return elsewhere;
}

function canEnter(folder: string, user: User): boolean {
  return runs({ file: '/bin/sh', args: ['-c', 'test -x "$1"', 'sh', folder] }, user);
}

function recordedPlace(folder: string): string {
  const file = join(folder, PLACE_FILE);
  if (!existsSync(file)) return folder;
  const place = readFileSync(file, 'utf8').trim();
  if (existsSync(place)) return place;
  throw new Failure(
    'unavailable',
    'database-moved',
    `The database's data should be in ${place}, which is not there.`,
    {
      hint: `Bring it back, or, if it may start empty, delete ${file}.`,
    },
  );
}

function sharedHome(): string {
  try {
    mkdirSync(SHARED_HOME, { recursive: true, mode: 0o755 });
    accessSync(SHARED_HOME, constants.W_OK);
    return SHARED_HOME;
  } catch (cause) {
    throw new Failure(
      'unavailable',
      'cannot-run-database',
      `PostgreSQL cannot run as root, and ${SHARED_HOME} cannot be written.`,
      {
        hint: 'Run as another user than root, or set DATABASE_URL to a PostgreSQL of your own.',
        cause,
      },
    );
  }
}

/** Only when the top has another owner: a large cluster is not walked at each start. */
function giveTo(folder: string, user: { uid: number; gid: number }): void {
  const stray = [folder, join(folder, 'data')].filter(
    (path) => existsSync(path) && statSync(path).uid !== user.uid,
  );
  if (stray.length === 0) return;
  lchownSync(folder, user.uid, user.gid);
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    lchownSync(join(folder, entry), user.uid, user.gid);
  }
}
