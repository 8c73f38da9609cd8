// What keeps the program from starting, and the words it finds for it: exit code 1, what is wrong and what to do about
// it, no stack, and no password.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { runMain } from '../harness/main-process.ts';
import { startPostgres, type TestPostgres } from '../harness/postgres.ts';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('what does not start', () => {
  let folder: string;
  let postgres: TestPostgres;
  /** Of an installation that is no demo: where a demo's own target would only take time. */
  let own: { SALLY_CONFIG: string };
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-start-'));
    own = { SALLY_CONFIG: join(folder, 'sallyport.yaml') };
    writeFileSync(own.SALLY_CONFIG, 'http: {host: 127.0.0.1}\n', { mode: 0o600 });
    postgres = await startPostgres({ version: 18 });
  });
  after(async () => {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The output of a start that must fail, with exit code 1, nothing listening and no secret told. */
  async function refused(name: string, env: Record<string, string>): Promise<string> {
    const data = join(folder, name);
    await using program = runMain({ SALLY_DATA: data, ...env }, folder);
    assert.equal(await program.ended, 1, program.output());
    assert.match(program.output(), /^Sallyport did not start: /m);
    assert.doesNotMatch(program.output(), /s3cret-of-the-store/);
    assert.doesNotMatch(program.output(), /\n +at .*\.(ts|js|mjs):\d+/, 'words, no stack');
    return program.output();
  }

  const withUrl = (change: (url: URL) => void) => {
    const url = new URL(postgres.url('postgres'));
    change(url);
    return { DATABASE_URL: url.href };
  };

  test('with a wrong password for its store', async () => {
    const said = await refused(
      'password',
      withUrl((url) => {
        url.password = 's3cret-of-the-store';
      }),
    );
    assert.match(said, /password/);
    assert.match(said, /DATABASE_URL/);
  });

  test('with a database that is not there', async () => {
    const said = await refused(
      'database',
      withUrl((url) => {
        url.pathname = '/nowhere';
      }),
    );
    assert.match(said, /no database of that name/);
  });

  test('with a store that cannot be reached, after waiting for it', async () => {
    const port = await freePort();
    const startedAt = Date.now();
    const said = await refused('unreachable', {
      DATABASE_URL: `postgres://sallyport:s3cret-of-the-store@127.0.0.1:${port}/sallyport`,
    });
    assert.ok(Date.now() - startedAt < 60_000);
    assert.match(said, /cannot be reached/);
    assert.match(said, /Is it running/);
  });

  test('with a store that is too old', async () => {
    // A real server that says of itself, to this login, that it is version 14.
    const root = new pg.Client({ connectionString: postgres.adminUrl });
    await root.connect();
    await root.query(`
      create role old login superuser password 's3cret-of-the-store';
      create schema shadow;
      create function shadow.current_setting(text) returns text language sql as $$
        select case when $1 = 'server_version_num' then '140012' else pg_catalog.current_setting($1) end $$;
      alter role old set search_path = shadow, pg_catalog, public;`);
    await root.end();
    const said = await refused(
      'old',
      withUrl((url) => {
        url.username = 'old';
        url.password = 's3cret-of-the-store';
      }),
    );
    assert.match(said, /PostgreSQL 14; 15 is the oldest/);
  });

  test('with a store that a newer version wrote', async () => {
    const root = new pg.Client({ connectionString: postgres.adminUrl });
    await root.connect();
    await root.query('create database newer');
    await root.end();
    const newer = new pg.Client({ connectionString: postgres.url('newer') });
    await newer.connect();
    await newer.query(
      "create table kysely_migration (name text primary key, timestamp text); insert into kysely_migration values ('9999-future', '')",
    );
    await newer.end();
    assert.match(await refused('newer', { DATABASE_URL: postgres.url('newer') }), /newer Sallyport/);
  });

  test("with another installation's store under this one's key", async () => {
    const root = new pg.Client({ connectionString: postgres.adminUrl });
    await root.connect();
    await root.query('create database shared');
    await root.end();
    const env = { ...own, DATABASE_URL: postgres.url('shared') };
    {
      await using first = runMain({ SALLY_DATA: join(folder, 'key-a'), ...env }, folder);
      await first.ready();
    }
    assert.match(await refused('key-b', env), /There is no master key at .*This store has one already/s);
    const keys = join(folder, 'key-b', 'keys');
    mkdirSync(keys, { recursive: true, mode: 0o700 });
    writeFileSync(join(keys, 'master.key'), `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    assert.match(await refused('key-b', env), /another master key/);
  });

  test('with a setting that is wrong', async () => {
    for (const [env, words] of [
      [{ DATABASE_URL: 'mysql://root:s3cret-of-the-store@localhost/x' }, /DATABASE_URL.*postgres:\/\//],
      [{ SALLY_HTTP_PORT: '70000' }, /SALLY_HTTP_PORT/],
      [{ SALLY_CONFIG: '/no/such/file.yaml' }, /SALLY_CONFIG.*does not exist/],
    ] as const)
      assert.match(await refused('setting', env), words);
    const broken = join(folder, 'broken.yaml');
    writeFileSync(broken, 'http: {prot: 1}\n');
    assert.match(await refused('setting', { SALLY_CONFIG: broken }), /broken\.yaml.*prot/s);
  });

  test('with a port that somebody has', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = String(typeof address === 'object' && address !== null ? address.port : 0);
    try {
      for (const name of ['SALLY_HTTP_PORT', 'SALLY_PG_PORT'] as const) {
        const root = new pg.Client({ connectionString: postgres.adminUrl });
        await root.connect();
        await root.query(`create database ${name.toLowerCase()}`);
        await root.end();
        const said = await refused(name, {
          ...own,
          DATABASE_URL: postgres.url(name.toLowerCase()),
          [name]: port,
        });
        assert.match(said, new RegExp(port));
        assert.match(said, new RegExp(name));
      }
    } finally {
      taken.close();
    }
  });

  test('what starts with few open files says how many connections fit, and how to have more', {
    skip: process.platform !== 'linux' && 'only Linux says how many files a process may open',
  }, async () => {
    const env = { ...own, SALLY_DATA: join(folder, 'few-files'), DATABASE_URL: postgres.url('few_files') };
    const maker = new pg.Client({ connectionString: postgres.adminUrl });
    await maker.connect();
    await maker.query('create database few_files');
    await maker.end();
    await using program = runMain(env, folder, undefined, 2_500);
    await program.ready();
    assert.match(
      program.output(),
      /may open 2500 files: the gateways take in 428 and 71 connections instead of 12000 and 2000\. Raise it \(ulimit -n 43000/,
    );
  });
});
