// One running instance for one data folder. The holder is a pid with its start time, so that a lock outlives no
// kill -9 and a reused pid holds nothing. Locks are numbered and only ever created by link(2): whoever sees number
// n abandoned takes n+1, and of two that try only one succeeds; the highest number is never removed.

import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, conflict } from '../../base/errors.ts';
import { identityOf, isAlive, type ProcessIdentity } from './processes.ts';

type LockText = Partial<ProcessIdentity> & { released?: boolean };

const ATTEMPTS = 50;

/**
 * Takes the lock of `folder` (created with mode 0700 when missing) for this process; the answer gives it back.
 * Errors: Failure `data-in-use` (conflict) that names the pid that holds it.
 */
export function lockData(folder: string): () => void {
  const locks = join(folder, 'lock');
  mkdirSync(locks, { recursive: true, mode: 0o700 });
  const self = identityOf(process.pid);
  if (self === null) throw new Error('This process cannot see itself; is /proc mounted?');
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const last = highest(locks);
    const holder = last === 0 ? null : holderOf(join(locks, String(last)));
    if (holder !== null) throw inUse(folder, holder.pid);
    const mine = last + 1;
    if (!take(locks, mine, self)) continue;
    // Whoever paused between looking and taking may hold a number that was taken, passed and cleared away.
    if (highest(locks) !== mine) {
      rmSync(join(locks, String(mine)), { force: true });
      continue;
    }
    for (const lower of numbers(locks)) {
      if (lower < mine) rmSync(join(locks, String(lower)), { force: true });
    }
    return () => put(locks, String(mine), { released: true });
  }
  throw conflict('data-in-use', `Several programs are starting on the data folder ${folder} at once.`, {
    hint: 'Start one of them.',
  });
}

function inUse(folder: string, pid: number): Error {
  return conflict('data-in-use', `Sallyport already runs on the data folder ${folder} (process ${pid}).`, {
    hint: `Use the running one, stop it (kill ${pid}), or set SALLY_DATA to another folder for this one.`,
    facts: { pid, folder },
  });
}

function numbers(locks: string): number[] {
  return readdirSync(locks)
    .filter((name) => /^\d{1,15}$/.test(name))
    .map(Number);
}

function highest(locks: string): number {
  return Math.max(0, ...numbers(locks));
}

/** The living holder, or null when the lock was given back or its holder is gone. */
function holderOf(file: string): ProcessIdentity | null {
  const text = read(file);
  if (text.released === true || text.pid === undefined || text.started === undefined) return null;
  const holder = { pid: text.pid, started: text.started };
  return isAlive(holder) ? holder : null;
}

function read(file: string): LockText {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof value !== 'object' || value === null) return {};
    return {
      ...('pid' in value && typeof value.pid === 'number' ? { pid: value.pid } : {}),
      ...('started' in value && typeof value.started === 'string' ? { started: value.started } : {}),
      ...('released' in value && value.released === true ? { released: true } : {}),
    };
  } catch (error) {
    // Cleared away meanwhile, or empty since the disk was full when the machine stopped: nobody holds that.
    if (codeOf(error) === 'ENOENT' || error instanceof SyntaxError) return {};
    throw error;
  }
}

function take(locks: string, number: number, self: ProcessIdentity): boolean {
  const draft = writeDraft(locks, self);
  try {
    linkSync(draft, join(locks, String(number)));
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function put(locks: string, name: string, text: LockText): void {
  renameSync(writeDraft(locks, text), join(locks, name));
}

function writeDraft(locks: string, text: LockText): string {
  const draft = join(locks, `draft-${process.pid}-${randomBytes(6).toString('hex')}`);
  writeFileSync(draft, `${JSON.stringify(text)}\n`, { mode: 0o600 });
  return draft;
}
