// Who a process is: a pid alone names whoever got that number last, so every claim on one is a pid together with
// the moment it started. Linux tells through /proc; macOS through ps.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { codeOf } from '../../base/errors.ts';

export interface ProcessIdentity {
  pid: number;
  /** Opaque: equal for one life of one pid, different for any other, also after the machine restarted. */
  started: string;
}

const HAS_PROC = existsSync('/proc/self/stat');
const PS_TIMEOUT_MS = 5_000;
// In /proc/<pid>/stat, counted behind the name in brackets: field 3 is the state, field 22 the start time.
const STATE_FIELD = 0;
const START_FIELD = 19;

/** The identity of a living process, or null when there is none of that pid (a zombie counts as none). */
export function identityOf(pid: number): ProcessIdentity | null {
  if (!Number.isSafeInteger(pid) || pid < 1) return null;
  const started = HAS_PROC ? startedByProc(pid) : startedByPs(pid);
  return started === null ? null : { pid, started };
}

/** True when exactly that process still lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.started === identity.started;
}

/**
 * The pids of all PostgreSQL processes that work in `folder` (a real, absolute path): server and backends on
 * Linux, the server alone on macOS, where a process's folder is not to be seen and `-D` names it.
 */
export function postgresProcessesIn(folder: string): number[] {
  if (!HAS_PROC) return serversByPs(folder);
  const found: number[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (readFileSync(`/proc/${entry}/comm`, 'utf8').trim() !== 'postgres') continue;
      if (readlinkSync(`/proc/${entry}/cwd`) === folder && identityOf(Number(entry)) !== null) {
        found.push(Number(entry));
      }
    } catch {
      // It ended meanwhile, or belongs to somebody whom we may not look at: then it is not ours.
    }
  }
  return found;
}

/** Sends a signal; false when there is no such process any more. Errors: EPERM for somebody else's process. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
    throw error;
  }
}

function startedByProc(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[STATE_FIELD] === 'Z' || fields[STATE_FIELD] === 'X') return null;
    return `${bootId()}:${fields[START_FIELD]}`;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'unknown';
  }
}

function startedByPs(pid: number): string | null {
  const line = ps(['-o', 'stat=,lstart=', '-p', String(pid)]).trim();
  return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '');
}

function serversByPs(folder: string): number[] {
  return ps(['-ax', '-o', 'pid=,command='])
    .split('\n')
    .filter((line) => line.includes('postgres') && line.includes(`-D ${folder} `))
    .map((line) => Number.parseInt(line, 10));
}

function ps(args: string[]): string {
  try {
    return execFileSync('ps', args, {
      encoding: 'utf8',
      timeout: PS_TIMEOUT_MS,
      env: { LC_ALL: 'C', PATH: '/bin:/usr/bin' },
    });
  } catch {
    return '';
  }
}
