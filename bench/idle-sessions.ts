// What a session costs the program while nobody uses it: the growth of its resident memory with many of them open.

import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** Of one grant, which lets in a hundred at most. */
const SESSIONS_PER_GRANT = 100;
const AT_A_TIME = 16;
/** For garbage to go and write-behind to finish. */
const SETTLE_MS = 3_000;

/** Null where the system does not tell a process's memory. */
export async function idleSessionKb(
  pid: number,
  sessions: number,
  newUrl: () => Promise<URL>,
): Promise<number | null> {
  if (!existsSync(`/proc/${pid}/status`)) return null;
  // Once through, so that code and pools of a first session do not count.
  await close(await open(await newUrl(), SESSIONS_PER_GRANT));
  await delay(SETTLE_MS);
  const before = residentKb(pid);
  const clients: pg.Client[] = [];
  try {
    while (clients.length < sessions)
      clients.push(...(await open(await newUrl(), Math.min(SESSIONS_PER_GRANT, sessions - clients.length))));
    await delay(SETTLE_MS);
    return (residentKb(pid) - before) / sessions;
  } finally {
    await close(clients);
  }
}

async function open(url: URL, count: number): Promise<pg.Client[]> {
  const clients = Array.from({ length: count }, () => new pg.Client({ connectionString: url.href }));
  const left = [...clients];
  const lane = async () => {
    for (let client = left.pop(); client !== undefined; client = left.pop()) {
      client.on('error', () => undefined);
      await client.connect();
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  return clients;
}

async function close(clients: pg.Client[]): Promise<void> {
  await Promise.all(clients.map((client) => client.end()));
}

function residentKb(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (found === undefined) throw new Error(`The system does not tell how large process ${pid} is.`);
  return Number(found);
}
