// What a killed run left behind: a server that still works in the data folder, its backends, its pid file.
// It is stopped, cleanly first, and started afresh by us: a server that is not our child cannot be supervised.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { monotonicMs, sleep } from '../../base/timer.ts';
import { postgresProcessesIn, sendSignal } from './processes.ts';
import type { ServerLog } from './server-process.ts';

const POLL_MS = 25;
// More than a stop on demand gets: nobody waits at a keyboard, and a clean end saves a crash recovery.
const FAST_SHUTDOWN_MS = 10_000;
const QUIT_MS = 3_000;
const KILL_MS = 5_000;

/**
 * Afterwards no process works in `dataFolder` (a real path) and no pid file speaks of one. Errors: an Error when
 * something in there survives SIGKILL (a process stuck in the kernel).
 */
export async function stopLeftover(dataFolder: string, log: ServerLog): Promise<void> {
  const pidFile = join(dataFolder, 'postmaster.pid');
  const named = Number.parseInt(readIfThere(pidFile).split('\n', 1)[0] ?? '', 10);
  const left = postgresProcessesIn(dataFolder);
  if (left.length > 0) {
    log.info(
      `An earlier run left a database server behind (process ${left.includes(named) ? named : left[0]}); stopping it.`,
    );
    const server = left.includes(named) ? [named] : left;
    await endAll(dataFolder, server);
  }
  // With nobody in the folder the file is stale whatever pid it names: PostgreSQL itself would refuse to start
  // where another program has got that pid since.
  rmSync(pidFile, { force: true });
}

async function endAll(dataFolder: string, server: number[]): Promise<void> {
  for (const pid of server) sendSignal(pid, 'SIGINT');
  if (await goneWithin(dataFolder, FAST_SHUTDOWN_MS)) return;
  for (const pid of postgresProcessesIn(dataFolder)) sendSignal(pid, 'SIGQUIT');
  if (await goneWithin(dataFolder, QUIT_MS)) return;
  for (const pid of postgresProcessesIn(dataFolder)) sendSignal(pid, 'SIGKILL');
  if (await goneWithin(dataFolder, KILL_MS)) return;
  throw new Error(
    `Processes ${postgresProcessesIn(dataFolder).join(', ')} in ${dataFolder} cannot be ended.`,
  );
}

/** True as soon as nothing works in the folder any more. */
export async function goneWithin(dataFolder: string, limitMs: number): Promise<boolean> {
  const endAt = monotonicMs() + limitMs;
  while (postgresProcessesIn(dataFolder).length > 0) {
    if (monotonicMs() > endAt) return false;
    await sleep(POLL_MS);
  }
  return true;
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
