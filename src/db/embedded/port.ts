// Which loopback port a cluster listens on: the one of last time while it is free, so that what was copied from an
// earlier start goes on working.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { ServerLog } from './server-process.ts';

export const HOST = '127.0.0.1';

/** The wanted port, else the one kept in `file`, else any that is free. `name` is for the line that says so. */
export async function choosePort(
  file: string,
  wanted: number | undefined,
  name: string,
  log: ServerLog,
): Promise<number> {
  const candidates = [wanted, keptPort(file)].filter((port) => port !== undefined);
  for (const port of candidates) {
    if (await isFree(port)) return port;
  }
  const port = await freePort();
  if (candidates[0] !== undefined) {
    log.warn(`Port ${candidates[0]} is taken: the database server ${name} uses ${port}.`);
  }
  return port;
}

export function keepPort(file: string, port: number): void {
  writeFileSync(file, `${port}\n`, { mode: 0o600 });
}

function keptPort(file: string): number | undefined {
  if (!existsSync(file)) return undefined;
  const port = Number.parseInt(readFileSync(file, 'utf8'), 10);
  return port > 0 && port < 65_536 ? port : undefined;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(port, HOST, () => server.close(() => done(true)));
  });
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, HOST, () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? done(address.port) : fail(new Error('No port.')),
      );
    });
  });
}
