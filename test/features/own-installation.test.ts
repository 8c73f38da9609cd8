// A store of one's own by DATABASE_URL, and an installation of one's own from `sally init` to the first session on the
// first target.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { grant as grantSchema } from '../../src/api/grants.ts';
import { pageOf } from '../../src/api/text.ts';
import { postgresProcessesIn } from '../../src/db/embedded/processes.ts';
import { type MainProcess, runMain } from '../harness/main-process.ts';
import { startPostgres, type TestPostgres } from '../harness/postgres.ts';
import { rawHttp } from '../harness/raw-http.ts';
import { runCli } from '../harness/sallyport.ts';
import { skipWithout } from '../harness/services.ts';

function serversOf(dataFolder: string): number[] {
  return ['store', 'orders-db'].flatMap((name) => postgresProcessesIn(join(dataFolder, name, 'data')));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

for (const version of [18, 15] as const) {
  describe(`an own store, PostgreSQL ${version}`, {
    skip: version === 15 && skipWithout('postgres15'),
  }, () => {
    let folder: string;
    let postgres: TestPostgres;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'sallyport-own-'));
      postgres = await startPostgres({ version });
    });
    after(async () => {
      await postgres?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    /** Starts it twice, each time to the end, and looks at it while it runs. */
    async function twice(env: Record<string, string>, look: (program: MainProcess) => Promise<void>) {
      for (let round = 0; round < 2; round++) {
        await using program = runMain(env, folder);
        await program.ready();
        assert.equal((await rawHttp({ server: program.server(), path: '/healthz' })).status, 200);
        assert.deepEqual(postgresProcessesIn(join(env.SALLY_DATA ?? '', 'store', 'data')), []);
        await look(program);
        program.kill('SIGINT');
        assert.equal(await program.ended, 0, program.output());
        assert.deepEqual(serversOf(env.SALLY_DATA ?? ''), []);
      }
      const client = new pg.Client({ connectionString: env.DATABASE_URL });
      await client.connect();
      const { rows } = await client.query(
        "select count(*)::int as starts, (select count(*)::int from installation) as installations from audit_entries where kind = 'system.started'",
      );
      await client.end();
      assert.deepEqual(rows, [{ starts: 2, installations: 1 }]);
    }

    test('DATABASE_URL holds the store of the demo, and that server is left running', async () => {
      const data = join(folder, 'demo');
      await twice({ SALLY_DATA: data, DATABASE_URL: postgres.url('postgres') }, async () => {
        const facts = JSON.parse(readFileSync(join(data, 'demo.json'), 'utf8'));
        const me = await rawHttp({
          server: facts.server,
          path: '/api/me',
          headers: { authorization: `Bearer ${facts.people.engineer.token}` },
        });
        assert.equal(me.json?.name, 'engineer');
      });
      assert.equal(existsSync(join(data, 'store')), false);
    });

    test('with a configuration file there is no demo on it', async () => {
      const data = join(folder, 'own');
      const client = new pg.Client({ connectionString: postgres.adminUrl });
      await client.connect();
      await client.query('create database own');
      await client.end();
      const config = join(folder, 'own.yaml');
      writeFileSync(config, 'installation: {name: own}\n');
      const env = { SALLY_DATA: data, SALLY_CONFIG: config, DATABASE_URL: postgres.url('own') };
      await twice(env, async (program) => {
        assert.doesNotMatch(program.output(), /demo/i);
        const server = program.server();
        assert.equal((await rawHttp({ server, path: '/api/demo/people' })).status, 404);
        const signIn = await rawHttp({
          server,
          method: 'POST',
          path: '/api/demo/sign-in',
          headers: { origin: server },
          body: { person: 'admin' },
        });
        assert.equal(signIn.status, 404);
        assert.equal(existsSync(join(data, 'demo.json')), false);
      });
    });
  });
}

describe('an own installation, from nothing to a session', () => {
  let folder: string;
  let target: TestPostgres;
  let program: MainProcess;
  const env: Record<string, string> = {};
  const sally = async (...args: string[]) => {
    const result = await runCli([...args, '--json', '--no-input'], env);
    return { ...result, said: result.stdout === '' ? null : JSON.parse(result.stdout) };
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-init-'));
    target = await startPostgres({ version: 18 });
    const root = new pg.Client({ connectionString: target.adminUrl });
    await root.connect();
    await root.query('create database shop');
    await root.query("create role sallyport_admin login password 'first-password'");
    await root.end();
    const shop = new pg.Client({ connectionString: target.url('shop') });
    await shop.connect();
    await shop.query('create table items as select n as id, n * 3 as price from generate_series(1, 100) n');
    await shop.end();
  });
  after(async () => {
    await program?.[Symbol.asyncDispose]();
    await target.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('init writes a private file, and the first administrator signs in with the printed token', async () => {
    const config = join(folder, 'sallyport.yaml');
    Object.assign(env, { HOME: join(folder, 'home'), SALLY_CONFIG: config });
    mkdirSync(env.HOME ?? '');
    const ports = [String(await freePort()), String(await freePort())];
    const made = await sally(
      ...['init', '--admin', 'ada', '--display-name', 'Ada Lovelace', '--data', join(folder, 'data')],
      ...['--http-port', ports[0] ?? '', '--pg-port', ports[1] ?? ''],
    );
    assert.equal(made.code, 0, made.stderr);
    assert.equal(statSync(config).mode & 0o777, 0o600);
    assert.equal(readFileSync(config, 'utf8').includes(made.said.token), false, 'the file has only the hash');

    program = runMain({ SALLY_CONFIG: config, SALLY_HTTP_PORT: '', SALLY_PG_PORT: '' }, folder);
    await program.ready();
    assert.equal(program.server(), `http://127.0.0.1:${ports[0]}`);
    assert.equal(program.gatewayPort(), Number(ports[1]));
    assert.doesNotMatch(program.output(), /demo/i);
    assert.equal((await rawHttp({ server: program.server(), path: '/api/demo/people' })).status, 404);
    assert.equal(existsSync(join(folder, 'data', 'orders-db')), false);

    Object.assign(env, { SALLY_SERVER: program.server(), SALLY_TOKEN: made.said.token });
    const who = await sally('whoami');
    assert.equal(who.code, 0, who.stderr);
    assert.equal(who.said.name, 'ada');
    assert.deepEqual(who.said.rights, ['administer', 'audit', 'changePolicy']);
  });

  test('a target is added; its check prints the SQL that is missing, and that SQL mends it', async () => {
    const superuser = new pg.Client({ connectionString: target.url('shop') });
    await superuser.connect();
    try {
      env.SHOP_PASSWORD = 'first-password';
      const added = await sally(
        ...[
          'target',
          'add',
          'shop',
          '--segment',
          'prod/shop',
          '--environment',
          'prod',
          '--host',
          '127.0.0.1',
        ],
        ...['--port', String(target.port), '--database', 'shop', '--tls', 'off'],
        ...['--admin-user', 'sallyport_admin', '--password-env', 'SHOP_PASSWORD'],
      );
      assert.equal(added.code, 1, 'an administrator without rights is no success');
      assert.equal(added.stdout.includes('first-password') || added.stderr.includes('first-password'), false);
      const task = join(folder, 'read-items.yaml');
      writeFileSync(
        task,
        'name: read-items\nkind: postgres\ndescription: Look at items.\nsegment: prod/shop\nentitlement:\n  readOnly: true\n  schemas: [public]\n  tables:\n    - {name: public.items, privileges: [SELECT]}\n',
      );
      const made = await sally('task', 'add', '--from', task);
      assert.equal(made.code, 0, made.stderr);
      for (let round = 0; ; round++) {
        const check = await sally('target', 'check', 'shop');
        const missing = (check.said.items as { status: string; fix?: string }[]).filter(
          (item) => item.status === 'fail',
        );
        if (missing.length === 0) {
          assert.equal(check.code, 0, check.stdout);
          assert.ok(round > 0, 'something was missing at first');
          break;
        }
        assert.equal(check.code, 1);
        assert.ok(round < 3, JSON.stringify(missing));
        for (const item of missing) {
          assert.ok(item.fix !== undefined, `${JSON.stringify(item)} comes with its SQL`);
          await superuser.query(item.fix);
        }
      }
    } finally {
      await superuser.end();
    }
  });

  test('without a policy nobody gets anything; with one, a grant works end to end through the gateway', async () => {
    const denied = await sally(
      'request',
      'shop',
      '--task',
      'read-items',
      '--for',
      '10m',
      '--reason',
      'first look',
    );
    assert.equal(denied.code, 4, denied.stdout + denied.stderr);
    const policies = join(folder, 'policies');
    mkdirSync(policies);
    const before = await sally('policy', 'explain', 'shop', '--task', 'read-items').catch(() => null);
    assert.ok(before !== null);
    const inForce = await rawHttp({
      server: program.server(),
      path: '/api/policy',
      headers: { authorization: `Bearer ${env.SALLY_TOKEN}` },
    });
    for (const [name, text] of Object.entries((inForce.json?.files ?? {}) as Record<string, string>))
      writeFileSync(join(policies, name), text);
    writeFileSync(
      join(policies, 'shop.cedar'),
      `@id("read-items")
@description("Administrators read items at once.")
@owner("shop")
@maxDuration("1h")
@record("required")
permit (principal in Group::"administrators", action in [Action::"request", Action::"autoApprove", Action::"connect"],
  resource in Segment::"prod/shop");
`,
    );
    const applied = await sally('policy', 'apply', policies, '--yes');
    assert.equal(applied.code, 0, applied.stderr + applied.stdout);
    assert.equal(applied.said.inForce, true, 'one administrator is all that there is');
    assert.match(applied.said.warning, /ONE PERSON ALONE/);

    const got = await sally(
      ...['request', 'shop', '--task', 'read-items', '--for', '10m', '--reason', 'first look', '--wait'],
    );
    assert.equal(got.code, 0, got.stderr);
    assert.equal(got.said.grant.state, 'active');
    const issued = await sally('credentials', got.said.grant.id);
    const client = new pg.Client({ connectionString: issued.said.dsn });
    client.on('error', () => undefined);
    await client.connect();
    assert.equal((await client.query('select count(*) from items')).rows[0]?.count, '100');
    await assert.rejects(client.query('delete from items'));
    await client.end();
    const done = await sally('done', got.said.grant.id);
    assert.equal(done.code, 0, done.stderr);
    const root = new pg.Client({ connectionString: target.adminUrl });
    await root.connect();
    for (let i = 0; ; i++) {
      const { rows } = await root.query("select rolname from pg_roles where rolname like 'sp\\_0%'");
      if (rows.length === 0) break;
      assert.ok(i < 100, JSON.stringify(rows));
      await delay(100);
    }
    await root.end();
    assert.equal((await sally('audit', 'verify')).code, 0);
  });

  test('started again it needs no second administrator, and stops as cleanly', async () => {
    program.kill('SIGTERM');
    assert.equal(await program.ended, 0);
    assert.deepEqual(serversOf(join(folder, 'data')), []);
    program = runMain(
      { SALLY_CONFIG: env.SALLY_CONFIG ?? '', SALLY_HTTP_PORT: '', SALLY_PG_PORT: '' },
      folder,
    );
    await program.ready();
    const who = await sally('whoami');
    assert.equal(who.said.name, 'ada');
    const grants = await rawHttp({
      server: program.server(),
      path: '/api/grants',
      headers: { authorization: `Bearer ${env.SALLY_TOKEN}` },
    });
    assert.equal(pageOf(grantSchema).parse(grants.json).items.length, 1);
  });
});
