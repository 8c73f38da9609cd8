// The embedded PostgreSQL under everything that may happen to it and to the program around it.
// Long because it is one list of mishaps, each played out in full.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import pg from 'pg';
import { sleep } from '../src/base/timer.ts';
import { type Embedded, type EmbeddedOptions, startEmbedded } from '../src/db/embedded/embedded.ts';
import { identityOf, postgresProcessesIn } from '../src/db/embedded/processes.ts';
import { type Program, startProgram } from './harness/program.ts';

const RUNNER = join(import.meta.dirname, 'harness', 'run-embedded.ts');
const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === 'linux';

const base = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-test-embedded-')));
const running: { stop(): Promise<void> }[] = [];
let folders = 0;

after(async () => {
  for (const server of running) await server.stop();
  rmSync(base, { recursive: true, force: true });
});

function newFolder(): string {
  return join(base, `cluster-${++folders}`);
}

async function start(
  folder: string,
  more: Partial<EmbeddedOptions> = {},
): Promise<{ server: Embedded; lines: string[] }> {
  const lines: string[] = [];
  const log = {
    info: (t: string) => void lines.push(t),
    warn: (t: string) => void lines.push(t),
    error: (t: string) => void lines.push(t),
  };
  const server = await startEmbedded({ folder, name: 'test', log, ...more });
  running.push(server);
  return { server, lines };
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function answers(url: string): Promise<void> {
  const endAt = performance.now() + 20_000;
  for (;;) {
    try {
      await query(url, 'select 1');
      return;
    } catch (error) {
      if (performance.now() > endAt) throw error;
      await sleep(100);
    }
  }
}

async function eventually(what: string, limitMs: number, holds: () => boolean): Promise<void> {
  const endAt = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > endAt) assert.fail(`Not within ${limitMs} ms: ${what}`);
    await sleep(20);
  }
}

function runner(folder: string, prefix: string[] = []): Program {
  const program = startProgram([...prefix, process.execPath, RUNNER, folder]);
  running.push({
    stop: async () => {
      program.endInput();
      const patience = new AbortController();
      await Promise.race([program.ended, sleep(6_000, patience.signal)]);
      patience.abort();
      program.kill('SIGKILL');
    },
  });
  return program;
}

describe('start and stop', () => {
  test('a new cluster is durable, reachable on loopback alone, and keeps its data and port', async () => {
    const folder = newFolder();
    const first = await start(folder);
    const [settings] = await query(
      first.server.adminUrl,
      `select current_setting('fsync') fsync, current_setting('listen_addresses') listen,
              current_setting('data_checksums') checksums, current_setting('password_encryption') encryption,
              current_setting('unix_socket_directories') sockets, current_setting('max_connections') connections,
              current_setting('server_encoding') encoding, current_setting('jit') jit`,
    );
    assert.deepEqual(settings, {
      fsync: 'on',
      listen: '127.0.0.1',
      checksums: 'on',
      encryption: 'scram-sha-256',
      sockets: '',
      connections: '200',
      encoding: 'UTF8',
      jit: 'off',
    });
    assert.equal(statSync(join(folder, 'password')).mode & 0o777, 0o600);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    await assert.rejects(query(first.server.adminUrl.replace(/:[0-9a-f]+@/, ':wrong@'), 'select 1'), {
      code: '28P01',
    });
    await query(first.server.adminUrl, 'create table kept as select 42 as n');

    const pid = first.server.pid();
    const startedAt = performance.now();
    await Promise.all([first.server.stop(), first.server.stop()]);
    assert.ok(performance.now() - startedAt < 4_000);
    assert.equal(identityOf(pid), null);
    assert.deepEqual(postgresProcessesIn(join(folder, 'data')), []);

    const second = await start(folder);
    assert.equal(second.server.port, first.server.port);
    assert.deepEqual(await query(second.server.adminUrl, 'select n from kept'), [{ n: 42 }]);
    await second.server.stop();
  });

  test('stops within 4 s with busy sessions and open transactions', async () => {
    const { server } = await start(newFolder());
    await query(server.adminUrl, 'create table busy (n int)');
    const clients = await Promise.all(
      [
        'select pg_sleep(60)',
        'begin; lock table busy',
        'do $$ begin loop begin perform 1/0; exception when others then null; end; end loop; end $$',
      ].map(async (sql) => {
        const client = new pg.Client({ connectionString: server.adminUrl });
        client.on('error', () => undefined);
        await client.connect();
        void client.query(sql).catch(() => undefined);
        return client;
      }),
    );
    await sleep(200);
    const startedAt = performance.now();
    await server.stop();
    assert.ok(performance.now() - startedAt < 4_000);
    assert.deepEqual(postgresProcessesIn(join(server.folder, 'data')), []);
    for (const client of clients) await client.end().catch(() => undefined);
  });

  test('a taken port gives another one, and says so', async () => {
    const folder = newFolder();
    const first = await start(folder);
    await first.server.stop();
    const other = createServer().listen(first.server.port, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    try {
      const second = await start(folder);
      assert.notEqual(second.server.port, first.server.port);
      assert.ok(
        second.lines.some((line) => line.includes(`Port ${first.server.port} is taken`)),
        second.lines.join('\n'),
      );
      await query(second.server.adminUrl, 'select 1');
      await second.server.stop();
    } finally {
      other.close();
    }
  });

  test('below a folder with mode 0700, with a path longer than a socket name may be', async () => {
    const closed = join(base, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const { server } = await start(join(closed, 'x'.repeat(120), 'store'));
    assert.deepEqual(await query(server.adminUrl, 'select 1 as one'), [{ one: 1 }]);
    await server.stop();
  });

  test('settings given by the caller win; another database has its own URL', async () => {
    const { server } = await start(newFolder(), {
      settings: { max_connections: '33', wal_level: 'logical' },
    });
    await query(server.adminUrl, 'create database "or ders"');
    const rows = await query(
      server.url('or ders'),
      "select current_database() db, current_setting('max_connections') n, current_setting('wal_level') w",
    );
    assert.deepEqual(rows, [{ db: 'or ders', n: '33', w: 'logical' }]);
    await server.stop();
  });
});

describe('what dies', () => {
  test('a server that is killed is started again on its port, with everything that was committed', async () => {
    const told: string[] = [];
    const { server } = await start(newFolder(), {
      onDown: () => told.push('down'),
      onUp: () => told.push('up'),
    });
    await query(server.adminUrl, 'create table kept as select 7 as n');
    for (let round = 1; round <= 2; round++) {
      const pid = server.pid();
      process.kill(pid, 'SIGKILL');
      await eventually('down and up again', 15_000, () => told.length === round * 2);
      assert.notEqual(server.pid(), pid);
      assert.deepEqual(await query(server.adminUrl, 'select n from kept'), [{ n: 7 }]);
    }
    assert.deepEqual(told, ['down', 'up', 'down', 'up']);
    await server.stop();
    await sleep(500);
    assert.deepEqual(
      postgresProcessesIn(join(server.folder, 'data')),
      [],
      'a stop is not a death to recover from',
    );
  });

  test('kill -9 of the program takes the server with it, and the next start has the data', async () => {
    const folder = newFolder();
    const program = runner(folder);
    const { url } = await program.next('ready');
    await query(String(url), 'create table kept as select 1 as n');
    program.kill('SIGKILL');
    await eventually('nothing left', 8_000, () => postgresProcessesIn(join(folder, 'data')).length === 0);
    const { server } = await start(folder);
    assert.deepEqual(await query(server.adminUrl, 'select n from kept'), [{ n: 1 }]);
    await server.stop();
  });

  test('a server that outlived program and watch is stopped by the next start', {
    skip: !isLinux && 'needs /proc',
  }, async () => {
    const folder = newFolder();
    const program = runner(folder);
    const { url, pid } = await program.next('ready');
    await query(String(url), 'create table kept as select 1 as n');
    for (const watch of watchersOf(Number(pid))) process.kill(watch, 'SIGKILL');
    program.kill('SIGKILL');
    await program.ended;
    await sleep(300);
    assert.notEqual(identityOf(Number(pid)), null, 'the server was meant to live on');
    const { server, lines } = await start(folder);
    assert.equal(identityOf(Number(pid)), null);
    assert.ok(
      lines.some((line) => line.includes(`process ${pid}`)),
      lines.join('\n'),
    );
    assert.deepEqual(await query(server.adminUrl, 'select n from kept'), [{ n: 1 }]);
    await server.stop();
  });

  test('a pid file that names a stranger is stale, and the stranger is left alone', async () => {
    const folder = newFolder();
    const { server } = await start(folder);
    await server.stop();
    const stranger = startProgram(['sleep', '60']);
    writeFileSync(
      join(folder, 'data', 'postmaster.pid'),
      `${stranger.pid}\n${join(folder, 'data')}\n1\n5432\n\n127.0.0.1\n`,
    );
    const again = await start(folder);
    assert.deepEqual(await query(again.server.adminUrl, 'select 1 as one'), [{ one: 1 }]);
    assert.notEqual(identityOf(stranger.pid), null);
    await again.server.stop();
    stranger.kill('SIGKILL');
  });

  test('a set-up that was interrupted starts over', async () => {
    const folder = newFolder();
    const stop = new AbortController();
    const starting = startEmbedded({
      folder,
      name: 'test',
      log: { info() {}, warn() {}, error() {} },
      signal: stop.signal,
    });
    await eventually(
      'set-up under way',
      10_000,
      () => existsSync(folder) && readdirSync(folder).some((name) => /^new-[0-9a-f]+$/.test(name)),
    );
    stop.abort();
    await assert.rejects(starting, { name: 'AbortError' });
    assert.equal(existsSync(join(folder, 'data')), false);

    // And the same with nobody left to tidy up.
    const program = runner(folder);
    await eventually('set-up under way', 10_000, () =>
      readdirSync(folder).some((name) => /^new-[0-9a-f]+$/.test(name)),
    );
    program.kill('SIGKILL');
    await program.ended;
    const { server } = await start(folder);
    assert.deepEqual(await query(server.adminUrl, 'select 1 as one'), [{ one: 1 }]);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('new-')),
      [],
    );
    await server.stop();
  });

  test('Ctrl-C in the terminal does not reach the server', { skip: !isLinux && 'needs /proc' }, async () => {
    const { server } = await start(newFolder());
    const stat = readFileSync(`/proc/${server.pid()}/stat`, 'utf8');
    const group = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
    assert.equal(group, server.pid());
    await server.stop();
  });
});

describe('as somebody else', () => {
  const NOBODY = 65_534;
  const unprivileged = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--'];
  const cannotDrop = !isRoot
    ? 'this run is not root; the other tests are the unprivileged case'
    : spawnSync('setpriv', [...unprivileged.slice(1), 'test', '-r', RUNNER]).status === 0
      ? false
      : 'another user cannot read this checkout';

  test('as a user without privileges', { skip: cannotDrop }, async () => {
    const home = join(base, 'unprivileged');
    mkdirSync(home);
    chmodSync(base, 0o711);
    execFileSync('chown', [String(NOBODY), home]);
    const program = runner(join(home, 'store'), unprivileged);
    const { url, pid } = await program.next('ready');
    assert.deepEqual(await query(String(url), 'select 1 as one'), [{ one: 1 }]);
    assert.equal(statSync(`/proc/${String(pid)}`).uid, NOBODY);
    program.endInput();
    await program.next('stopped');
    assert.equal(await program.ended, 0);
    assert.equal(identityOf(Number(pid)), null);
  });

  // Root of a user namespace in which no further one may be made: like root in a locked-down container.
  const noNamespaces = join(base, 'no-namespaces.sh');
  const cannotNest = !(isRoot && isLinux) ? 'needs root on Linux' : cannotMakeContainer();

  test('as root without user namespaces, as another user with data in its place', {
    skip: cannotNest,
  }, async () => {
    const data = join(base, 'data-0700');
    mkdirSync(data, { mode: 0o700 });
    chmodSync(base, 0o711);
    await inContainer(join(data, 'store'), async (program) => {
      const { url, pid } = await program.next('ready');
      assert.deepEqual(await query(String(url), 'select 1 as one'), [{ one: 1 }]);
      assert.notEqual(statSync(`/proc/${String(pid)}`).uid, 0);
      const said = program.events.map((event) => String(event.text)).join('\n');
      assert.match(
        said,
        /without user namespaces, the database server runs as user \w+, in .*data-0700\/store/,
      );
    });
    assert.equal(statSync(data).mode & 0o777, 0o701, 'others may pass through, not look');
    // The same data, now with namespaces.
    const { server } = await start(join(data, 'store'));
    assert.deepEqual(await query(server.adminUrl, 'select 1 as one'), [{ one: 1 }]);
    await server.stop();
  });

  test('as root without user namespaces below a closed folder: in a place of its own', {
    skip: cannotNest,
  }, async () => {
    const closed = join(base, 'closed-for-others');
    mkdirSync(join(closed, 'data'), { recursive: true });
    chmodSync(closed, 0o700);
    const folder = join(closed, 'data', 'store');
    try {
      for (const rows of [[], [{ relname: 'kept' }]]) {
        await inContainer(folder, async (program) => {
          const { url } = await program.next('ready');
          assert.deepEqual(
            await query(String(url), "select relname from pg_class where relname = 'kept'"),
            rows,
          );
          await query(String(url), 'create table if not exists kept (n int)');
        });
      }
      // With namespaces again, it goes on with the data where they are.
      const { server } = await start(folder);
      assert.equal(
        (await query(server.adminUrl, "select relname from pg_class where relname = 'kept'")).length,
        1,
      );
      await server.stop();
    } finally {
      const place = join(folder, 'place');
      if (existsSync(place)) rmSync(readFileSync(place, 'utf8').trim(), { recursive: true, force: true });
    }
  });

  async function inContainer(folder: string, act: (program: Program) => Promise<void>): Promise<void> {
    const holder = startProgram(['unshare', '--user', 'sleep', '120']);
    try {
      await eventually('a namespace', 5_000, () => namespaceOf(holder.pid) !== namespaceOf(process.pid));
      for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${holder.pid}/${map}`, '0 0 65536\n');
      const enter = ['nsenter', '--user', `--target=${holder.pid}`, '--setuid=0', '--setgid=0', '--'];
      const program = runner(folder, [...enter, 'sh', noNamespaces]);
      await act(program);
      program.endInput();
      await program.next('stopped');
      await program.ended;
    } finally {
      holder.kill('SIGKILL');
    }
  }

  function namespaceOf(pid: number): string {
    return readlinkSync(`/proc/${pid}/ns/user`);
  }

  function cannotMakeContainer(): string | false {
    writeFileSync(noNamespaces, 'echo 0 > /proc/sys/user/max_user_namespaces || exit 9\nexec "$@"\n');
    return spawnSync('unshare', ['--user', 'true']).status === 0
      ? false
      : 'user namespaces are forbidden here already';
  }
});

describe('a full disk', () => {
  const cannotMount = !(isRoot && isLinux)
    ? 'needs root on Linux, for a small file system of its own'
    : spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]).status === 0
      ? false
      : 'file systems cannot be mounted here';

  test('is told by name, and the next start with space recovers', { skip: cannotMount }, async () => {
    const mountPoint = join(base, 'small-disk');
    mkdirSync(mountPoint);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', mountPoint]);
    try {
      const folder = join(mountPoint, 'store');
      await assert.rejects(start(folder), { code: 'disk-full' });
      assert.equal(existsSync(join(folder, 'data')), false);

      execFileSync('mount', ['-o', 'remount,size=160m', mountPoint]);
      const told: string[] = [];
      const { server } = await start(folder, {
        onDown: () => told.push('down'),
        onUp: () => told.push('up'),
      });
      await query(server.adminUrl, "create table kept as select 1 as n, repeat('x', 1000) as filler");
      // It fills up while the server runs: writes fail or the server goes down, and comes back once there is space.
      await assert.rejects(
        query(
          server.adminUrl,
          'insert into kept select n, repeat(md5(n::text), 40) from generate_series(1, 200000) n',
        ),
      );
      execFileSync('mount', ['-o', 'remount,size=400m', mountPoint]);
      await answers(server.adminUrl);
      assert.equal(told.length % 2, 0, told.join());
      assert.equal((await query(server.adminUrl, 'select count(*)::int as count from kept'))[0]?.count, 1);
      await query(server.adminUrl, 'insert into kept values (2)');
      await server.stop();
    } finally {
      for (const server of running.splice(0)) await server.stop();
      execFileSync('umount', [mountPoint]);
    }
  });
});

function watchersOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((entry) => {
      try {
        const words = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0');
        return words.includes('sallyport-watch') && words.includes(String(pid));
      } catch {
        return false;
      }
    })
    .map(Number);
}
