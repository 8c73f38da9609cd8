// Real PostgreSQL servers for tests: 18 (embedded) and 15 (Debian's), under the product's own supervisor, each in a
// fresh folder, started in well under a second from a cached empty cluster. Nothing outlives the test run: the
// supervisor's watch stops the server when this process dies, and ours then removes the folder.

import { execFile, spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Binaries, embeddedBinaries } from '../../src/db/embedded/binaries.ts';
import { type Embedded, startEmbedded } from '../../src/db/embedded/embedded.ts';
import { sendSignal } from '../../src/db/embedded/processes.ts';
import type { MovedClock } from './moved-clock.ts';
import { services } from './services.ts';

export interface PostgresOptions {
  version: 15 | 18;
  /** Over the fast ones of tests (fsync off). A test about durability says `{ fsync: 'on' }`. */
  settings?: Readonly<Record<string, string>>;
  /** With a clock of its own. */
  clock?: MovedClock;
}

export interface TestPostgres {
  port: number;
  /** Superuser, database `postgres`. */
  adminUrl: string;
  /** Superuser, in that database. */
  url(database: string): string;
  folder: string;
  /** The server's process id now. */
  pid(): number;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
  /** kill -9 of the server, as in a power cut; it stays down until `start()`. */
  kill(): Promise<void>;
  /** A clean stop that keeps the folder; it stays down until `start()`. */
  pause(): Promise<void>;
  /** After `kill()` or `pause()`: up again, same data, same port. */
  start(): Promise<void>;
}

const run = promisify(execFile);

const FAST_SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '32MB',
};
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

// Input ends when this process is gone. The server's own watch stops the server; the folder goes after it.
const SWEEP = `
cat >/dev/null
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  [ -e "$1/data/postmaster.pid" ] || break
  sleep 0.5
done
rm -rf -- "$1"
`;

/** Version 15 needs Debian's package: `skip: skipWithout('postgres15')`. */
export function startPostgres(options: PostgresOptions): Promise<TestPostgres> {
  // Node's own copy would widen the folders' modes, and PostgreSQL then refuses them.
  return startFrom(options, async (folder, binaries) => {
    await run('cp', ['-Rp', `${await template(binaries)}/.`, folder]);
  });
}

/**
 * A standby of that server by streaming replication. Version 15 is copied while it runs, by pg_basebackup; 18, whose
 * package has none, is stopped for the copy, so ask before anybody is connected.
 */
export async function startStandby(
  primary: TestPostgres,
  options: PostgresOptions & { version: 15 | 18 },
): Promise<TestPostgres> {
  const { username, password } = new URL(primary.adminUrl);
  const conninfo = `host=127.0.0.1 port=${primary.port} user=${username} password=${password}`;
  const settings = { ...options.settings, primary_conninfo: conninfo };
  return startFrom({ ...options, settings }, async (folder, binaries) => {
    const data = join(folder, 'data');
    const name = (file: string) => join(primary.folder, file);
    if (options.version === 15) {
      const program = join(binaries.folder, 'pg_basebackup');
      await run(program, ['-D', data, '-c', 'fast', '-X', 'stream', '-d', conninfo]);
    } else {
      await primary.pause();
      await run('cp', ['-Rp', name('data'), folder]);
      await primary.start();
    }
    await run('cp', ['-p', name('password'), folder]);
    writeFileSync(join(data, 'standby.signal'), '');
  });
}

async function startFrom(
  options: PostgresOptions,
  fill: (folder: string, binaries: Binaries) => Promise<void>,
): Promise<TestPostgres> {
  const binaries = binariesOf(options.version);
  const folder = mkdtempSync(join(tmpdir(), `sallyport-test-pg${options.version}-`));
  const endSweep = sweepWhenGone(folder);
  const open = (port?: number) =>
    startEmbedded({
      folder,
      name: `test-pg${options.version}`,
      log: quiet,
      binaries: options.clock?.server(binaries) ?? binaries,
      settings: { ...FAST_SETTINGS, ...options.settings },
      ...(port === undefined ? {} : { port }),
    });
  let server: Embedded;
  try {
    await fill(folder, binaries);
    server = await open();
  } catch (error) {
    endSweep();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  const { port, adminUrl } = server;
  return {
    port,
    adminUrl,
    url: (database) => server.url(database),
    folder,
    pid: () => server.pid(),
    stop: async () => {
      await server.stop();
      endSweep();
      rmSync(folder, { recursive: true, force: true });
    },
    kill: async () => {
      sendSignal(server.pid(), 'SIGKILL');
      await server.stop();
    },
    pause: () => server.stop(),
    start: async () => {
      server = await open(port);
      if (server.port !== port) throw new Error(`Port ${port} was taken meanwhile.`);
    },
  };
}

/** The programs of that version. Errors: an Error that names the missing package. */
export function binariesOf(version: 15 | 18): Binaries {
  if (version === 18) return embeddedBinaries();
  if (services.postgres15 === null)
    throw new Error('PostgreSQL 15 is missing; skip with skipWithout("postgres15").');
  return {
    folder: services.postgres15,
    root: dirname(services.postgres15),
    majorVersion: 15,
    build: 'debian-15',
  };
}

/** An empty cluster, made once per version and user; of two that make it at the same time one is kept. */
async function template(binaries: Binaries): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const kept = join(tmpdir(), `sallyport-test-template-${uid}-${binaries.build}`);
  if (existsSync(join(kept, 'data')) && lstatSync(kept).uid === uid) return kept;
  const draft = mkdtempSync(join(tmpdir(), 'sallyport-test-draft-'));
  const endSweep = sweepWhenGone(draft);
  try {
    const server = await startEmbedded({
      folder: draft,
      name: 'template',
      log: quiet,
      binaries,
      settings: FAST_SETTINGS,
    });
    await server.stop();
    for (const name of ['port', 'server.log']) rmSync(join(draft, name), { force: true });
    try {
      renameSync(draft, kept);
    } catch (error) {
      if (!existsSync(join(kept, 'data'))) throw error;
    }
  } finally {
    endSweep();
    rmSync(draft, { recursive: true, force: true });
  }
  return kept;
}

function sweepWhenGone(folder: string): () => void {
  const sweeper = spawn('/bin/sh', ['-c', SWEEP, 'sallyport-sweep', folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  sweeper.unref();
  sweeper.stdin.on('error', () => undefined);
  return () => {
    if (sweeper.pid !== undefined && sweeper.exitCode === null) process.kill(-sweeper.pid, 'SIGKILL');
    sweeper.stdin.destroy();
  };
}
