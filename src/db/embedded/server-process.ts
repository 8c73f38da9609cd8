// One life of one PostgreSQL server: spawned in a process group of its own (a Ctrl-C in the terminal must reach
// Sallyport alone, which then ends sessions and grants before the store), watched over by a small shell that stops
// it when Sallyport dies without a word, and stopped by PostgreSQL's own ladder: fast, immediate, kill.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, copyFileSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { messageOf } from '../../base/errors.ts';
import { sleep } from '../../base/timer.ts';
import { goneWithin } from './leftover.ts';
import { postgresProcessesIn, sendSignal } from './processes.ts';
import type { RunAs } from './run-as.ts';

/** Where progress and trouble are told; the program's log fits. */
export interface ServerLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface ServerLife {
  pid: number;
  /** Resolves when the server has ended, with how: `exit code 1`, `SIGKILL`. */
  ended: Promise<string>;
  /** Ends it within 4 s, whatever it does, and leaves no backend. Twice is once. */
  stop(): Promise<void>;
}

export interface ServerSpec {
  runAs: RunAs;
  dataFolder: string;
  logFile: string;
  port: number;
  settings: Readonly<Record<string, string>>;
}

// Together below the 4 s that a stop may take.
const FAST_SHUTDOWN_MS = 2_500;
const IMMEDIATE_SHUTDOWN_MS = 900;
const KILL_MS = 500;
const LOG_LIMIT_BYTES = 10 * 1024 * 1024;
const LOG_CHECK_MS = 30_000;
const TAIL_BYTES = 2_000;
/** Servers get this and nothing of ours: an inherited variable may hold a secret or change how they start. */
export const SERVER_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C' };

// $1 is the server, $2 its data folder. End of input means that Sallyport is gone.
const WATCH = `
cat >/dev/null
kill -INT "$1" 2>/dev/null || exit 0
for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$1" 2>/dev/null || exit 0; sleep 0.5; done
kill -QUIT "$1" 2>/dev/null || exit 0
sleep 2
kill -KILL "$1" 2>/dev/null
`;

/** Starts the program and returns at once; whether it accepts connections is the caller's to find out. */
export function startServer(spec: ServerSpec): ServerLife {
  limitLog(spec.logFile);
  const log = openSync(spec.logFile, 'a', 0o600);
  const args = ['-D', spec.dataFolder, '-p', String(spec.port)];
  for (const [name, value] of Object.entries(spec.settings)) args.push('-c', `${name}=${value}`);
  const child = spawnAs(spec.runAs, 'postgres', args, log);
  closeSync(log);
  const pid = child.pid;
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(messageOf(error)));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  // The server alone keeps no program from ending; the watch then stops it.
  child.unref();
  if (pid === undefined) return { pid: 0, ended, stop: async () => void (await ended) };
  const endWatch = watch(pid);
  const logTimer = setInterval(() => limitLog(spec.logFile), LOG_CHECK_MS).unref();
  void ended.then(() => {
    clearInterval(logTimer);
    endWatch();
  });
  let stopping: Promise<void> | null = null;
  return {
    pid,
    ended,
    stop: () => {
      stopping ??= stopServer(pid, ended, spec.dataFolder);
      return stopping;
    },
  };
}

/** `program` is a name in the runner's folder of programs; output goes to the open file `log`. */
export function spawnAs(runAs: RunAs, program: string, args: string[], log: number): ChildProcess {
  const command = runAs.command(`${runAs.programs}/${program}`, args);
  return spawn(command.file, command.args, {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
    env: SERVER_ENVIRONMENT,
    ...(runAs.user ?? {}),
  });
}

/** The last lines of a log, for a message to a person; empty when there are none. */
export function tailOf(file: string, fromByte = 0): string {
  try {
    const text = readFileSync(file).subarray(fromByte);
    return text
      .subarray(Math.max(0, text.length - TAIL_BYTES))
      .toString('utf8')
      .trim();
  } catch {
    return '';
  }
}

async function stopServer(pid: number, ended: Promise<string>, dataFolder: string): Promise<void> {
  const ladder: [NodeJS.Signals, number][] = [
    ['SIGINT', FAST_SHUTDOWN_MS],
    ['SIGQUIT', IMMEDIATE_SHUTDOWN_MS],
    ['SIGKILL', KILL_MS],
  ];
  for (const [signal, limitMs] of ladder) {
    if (!sendSignal(pid, signal)) break;
    const patience = new AbortController();
    const over = await Promise.race([
      ended.then(() => true),
      sleep(limitMs, patience.signal).then(() => false),
    ]);
    patience.abort();
    if (over) break;
  }
  // A server that was killed leaves backends, which notice by themselves, in most cases.
  if (await goneWithin(dataFolder, KILL_MS)) return;
  for (const left of postgresProcessesIn(dataFolder)) sendSignal(left, 'SIGKILL');
  await goneWithin(dataFolder, KILL_MS);
}

/** Returns what ends the watch. The shell holds one end of a pipe; ours closes when we die, however we die. */
function watch(pid: number): () => void {
  const watcher = spawn('/bin/sh', ['-c', WATCH, 'sallyport-watch', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    env: SERVER_ENVIRONMENT,
  });
  watcher.unref();
  watcher.on('error', () => undefined);
  watcher.stdin.on('error', () => undefined);
  return () => {
    if (watcher.exitCode === null && watcher.pid !== undefined) {
      try {
        process.kill(-watcher.pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    watcher.stdin.destroy();
  };
}

/** The server appends, so that a file cut to nothing simply grows anew; one older file is kept. */
function limitLog(file: string): void {
  try {
    if (statSync(file).size <= LOG_LIMIT_BYTES) return;
    copyFileSync(file, `${file}.1`);
    truncateSync(file);
  } catch {
    // Not there yet, or the disk is full: then the file cannot grow either.
  }
}
