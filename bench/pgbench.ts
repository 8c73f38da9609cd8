// pgbench and psql as clients: the same program, the same seconds, only the address differs.

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from './rounds.ts';

const CLIENTS = 8;
const THREADS = 2;
const LIMIT_MS = 120_000;

export interface Load {
  /** pgbench's own name of a script, or the path of one (it has a slash). */
  script: string;
  protocol: 'simple' | 'prepared';
  seconds: number;
}

/** Transactions a second of eight clients; the time of connecting does not count. */
export async function transactionsPerSecond(pgbench: string, url: string, load: Load): Promise<number> {
  const args = [
    '-n',
    load.script.includes('/') ? '-f' : '-b',
    load.script,
    '-M',
    load.protocol,
    '-T',
    String(load.seconds),
  ];
  const said = await run(pgbench, [...args, '-c', String(CLIENTS), '-j', String(THREADS), url]);
  const tps = /tps = ([\d.]+)/.exec(said)?.[1];
  if (tps === undefined || /aborted/.test(said)) throw new Error(`pgbench did not get through:\n${said}`);
  return Number(tps);
}

/** The median latency of one client's select, in microseconds. */
export async function latencyP50Us(pgbench: string, url: string, seconds: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-latency-'));
  try {
    await run(pgbench, ['-n', '-S', '-c', '1', '-T', String(seconds), '-l', `--log-prefix=${folder}/l`, url]);
    const lines = readdirSync(folder).flatMap((name) =>
      readFileSync(join(folder, name), 'utf8').trim().split('\n'),
    );
    return median(lines.map((line) => Number(line.split(' ')[2])));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Seconds that `psql` takes for `copies` times a whole table to nowhere, turned into copies a second. */
export async function copiesPerSecond(psql: string, url: string, copies: number): Promise<number> {
  const copy = ['-c', 'copy pgbench_accounts to stdout'];
  const startedAt = performance.now();
  await run(psql, ['-X', '-q', ...Array.from({ length: copies }, () => copy).flat(), url], 'ignore');
  return (copies * 1000) / (performance.now() - startedAt);
}

/** Everything that the program says, both streams. Errors: it ends with another code than 0, or takes too long. */
export function run(program: string, args: string[], stdout: 'pipe' | 'ignore' = 'pipe'): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', stdout, 'pipe'], timeout: LIMIT_MS });
    let said = '';
    child.stdout?.on('data', (chunk) => (said += String(chunk)));
    child.stderr?.on('data', (chunk) => (said += String(chunk)));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(said);
      else reject(new Error(`${program} ended with ${signal ?? code}:\n${said}`));
    });
  });
}
