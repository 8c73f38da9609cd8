// Starting and stopping as a person does it: the demo, an own store, an own installation from `sally init`; what is
// refused, with which words; and that nothing is left running or lying about.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { grant as grantSchema, issuedCredential } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { pageOf } from '../../src/api/text.ts';
import { postgresProcessesIn } from '../../src/db/embedded/processes.ts';
import { type MainProcess, runMain } from '../harness/main-process.ts';
import { startPostgres, type TestPostgres } from '../harness/postgres.ts';
import { rawHttp } from '../harness/raw-http.ts';
import { runCli, type Sallyport, startSallyport } from '../harness/sallyport.ts';
import { skipWithout } from '../harness/services.ts';

const STOP_LIMIT_MS = 5_000;
const ASKED = { target: 'orders-db', task: 'read-orders', duration: '30m', reason: 'across a stop' };

function serversOf(dataFolder: string): number[] {
  return ['store', 'orders-db'].flatMap((name) => postgresProcessesIn(join(dataFolder, name, 'data')));
}

/** True when something listens there. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('the demo', () => {
  let sallyport: Sallyport;
  before(async () => {
    sallyport = await startSallyport();
  });
  after(() => sallyport[Symbol.asyncDispose]());

  const demoFile = () => join(sallyport.dataFolder, 'demo.json');
  const dsnOf = async (grantId: string) =>
    (await sallyport.ask('engineer', 'POST', `/api/grants/${grantId}/credentials`, issuedCredential)).dsn;
  const activeGrant = async () => {
    const got = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, ASKED);
    assert.equal(got.grant?.state, 'active');
    return got.grant;
  };
  const openSession = async (grantId: string) => {
    const client = new pg.Client({ connectionString: await dsnOf(grantId) });
    const over = new Promise<void>((resolve) => client.once('end', () => resolve()));
    client.on('error', () => undefined);
    await client.connect();
    return { client, over };
  };

  test('demo.json is private and says what the contract says', () => {
    assert.equal(statSync(demoFile()).mode & 0o777, 0o600);
    const facts = JSON.parse(readFileSync(demoFile(), 'utf8'));
    assert.deepEqual(Object.keys(facts).sort(), ['people', 'server', 'targets']);
    assert.deepEqual(Object.keys(facts.people).sort(), [
      'admin',
      'approver',
      'auditor',
      'deploy-bot',
      'engineer',
      'second-approver',
    ]);
    assert.match(facts.targets['orders-db'].admin, /^postgres:\/\//);
    assert.equal(statSync(sallyport.dataFolder).mode & 0o077, 0, 'nobody else looks into the data folder');
  });

  test('it prints where to go, who can sign in, and three commands', () => {
    const said = sallyport.output();
    assert.match(said, /Portal and API +http:\/\/127\.0\.0\.1:\d+/);
    for (const person of ['engineer', 'approver', 'auditor', 'admin']) assert.match(said, new RegExp(person));
    assert.equal(said.split('\n').filter((line) => line.includes('./sally --as ')).length, 3);
    assert.doesNotMatch(said, /sally_[A-Za-z0-9_-]{43}/);
  });

  test('one click signs in from its own page, and from nowhere else', async () => {
    const server = sallyport.server();
    const port = Number(new URL(server).port);
    const signIn = (headers: Record<string, string>) =>
      rawHttp({ server, method: 'POST', path: '/api/demo/sign-in', headers, body: { person: 'admin' } });
    const own = await signIn({ origin: server });
    assert.equal(own.status, 200, own.text);
    assert.equal(own.json?.name, 'admin');
    for (const headers of [
      {},
      { origin: 'null' },
      { origin: 'http://evil.example' },
      { origin: `http://127.0.0.1:${port + 1}` },
      { origin: `https://127.0.0.1:${port}` },
      { origin: `http://localhost:${port}` },
      { host: `evil.example:${port}`, origin: `http://evil.example:${port}` },
      { host: `127.0.0.1.nip.io:${port}`, origin: `http://127.0.0.1.nip.io:${port}` },
    ]) {
      const refused = await signIn(headers);
      assert.equal(refused.status, 403, JSON.stringify(headers));
      assert.equal(refused.headers['set-cookie'], undefined);
    }
    const people = await rawHttp({ server, path: '/api/demo/people', headers: { host: 'evil.example' } });
    assert.equal(people.status, 403);
  });

  test('a second start on the same folder is refused by name, and harms nothing', async () => {
    const before = readFileSync(demoFile(), 'utf8');
    await using second = runMain({ SALLY_DATA: sallyport.dataFolder }, sallyport.dataFolder);
    assert.equal(await second.ended, 1);
    assert.match(second.output(), new RegExp(`\\b${sallyport.pid()}\\b`));
    assert.match(second.output(), /already runs/);
    assert.doesNotMatch(second.output(), /at .*\.ts:\d+/, 'no stack for what is no fault of the program');
    assert.equal(readFileSync(demoFile(), 'utf8'), before);
    assert.equal((await sallyport.call(null, 'GET', '/healthz')).status, 200);
  });

  test('SIGTERM ends everything within 5 s, and the next start goes on where it was', async () => {
    const granted = await activeGrant();
    const session = await openSession(granted.id);
    const me = (await sallyport.call('engineer', 'GET', '/api/me')).body as { id: string };
    const oldToken = sallyport.token('engineer');
    const oldServer = sallyport.server();
    const gatewayPort = Number(new URL(await dsnOf(granted.id)).port);
    assert.ok(serversOf(sallyport.dataFolder).length > 2);

    const startedAt = Date.now();
    const code = await sallyport.stop();
    const took = Date.now() - startedAt;
    assert.equal(code, 0);
    assert.ok(took <= STOP_LIMIT_MS, `${took} ms`);
    await session.over;
    assert.deepEqual(serversOf(sallyport.dataFolder), []);
    assert.equal(await answers(Number(new URL(oldServer).port)), false);
    assert.equal(await answers(gatewayPort), false);
    assert.equal(existsSync(demoFile()), false);
    assert.match(
      sallyport.output(),
      new RegExp(`${granted.id} on orders-db, until`),
      'it says what lives on',
    );

    await sallyport.start();
    assert.equal(((await sallyport.call('engineer', 'GET', '/api/me')).body as { id: string }).id, me.id);
    const again = await sallyport.ask('engineer', 'GET', `/api/grants/${granted.id}`, grantSchema);
    assert.equal(again.state, 'active');
    assert.equal(again.expiresAt, granted.expiresAt, 'a stop extends nothing');
    const next = await openSession(granted.id);
    assert.equal((await next.client.query('select count(*) from orders')).rows[0]?.count, '120000');
    await next.client.end();
    const old = await rawHttp({
      server: sallyport.server(),
      path: '/api/me',
      headers: { authorization: `Bearer ${oldToken}` },
    });
    assert.equal(old.status, 401, "yesterday's demo.json opens nothing");
    const verified = await sallyport.cli('auditor', 'audit', 'verify', '--json');
    assert.equal(verified.code, 0, verified.stderr);
    const kinds = await sallyport.call('auditor', 'GET', '/api/audit/entries?limit=200');
    const told = (kinds.body as { items: { leaf: { kind: string } }[] }).items.map((item) => item.leaf.kind);
    assert.ok(
      told.includes('system.stopped') && told.filter((kind) => kind === 'system.started').length >= 2,
    );
    const targets = (await sallyport.call('engineer', 'GET', '/api/targets')).body as { items: unknown[] };
    assert.equal(targets.items.length, 1, 'nothing is made twice');
  });

  test('Ctrl-C in the middle of starting leaves nothing either', async () => {
    assert.equal(await sallyport.stop(), 0);
    for (const delayMs of [50, 700, 2_000]) {
      await using early = runMain({ SALLY_DATA: sallyport.dataFolder }, sallyport.dataFolder);
      await delay(delayMs);
      const startedAt = Date.now();
      early.kill('SIGINT');
      await early.ended;
      assert.ok(Date.now() - startedAt <= STOP_LIMIT_MS, `${Date.now() - startedAt} ms`);
      assert.deepEqual(serversOf(sallyport.dataFolder), [], `after ${delayMs} ms`);
      assert.equal(existsSync(demoFile()), false);
    }
    await sallyport.start();
  });

  test('killed hard, the next start takes over what was left and recovers', async () => {
    const granted = await activeGrant();
    await sallyport.crash();
    await sallyport.start();
    assert.equal(
      (await sallyport.ask('engineer', 'GET', `/api/grants/${granted.id}`, grantSchema)).state,
      'active',
    );
    const masters = ['store', 'orders-db'].map(
      (name) =>
        readFileSync(join(sallyport.dataFolder, name, 'data', 'postmaster.pid'), 'utf8').split('\n', 1)[0],
    );
    assert.equal(new Set(masters).size, 2);
    const verified = await sallyport.cli('auditor', 'audit', 'verify', '--json');
    assert.equal(verified.code, 0, verified.stderr);
  });
});

describe('what does not start', () => {
  let folder: string;
  let postgres: TestPostgres;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-start-'));
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
    const env = { DATABASE_URL: postgres.url('shared') };
    {
      await using first = runMain({ SALLY_DATA: join(folder, 'key-a'), ...env }, folder);
      await first.ready();
    }
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
});

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

    test('DATABASE_URL is used, there is no demo, and the server is left running', async () => {
      const env = { SALLY_DATA: join(folder, 'data'), DATABASE_URL: postgres.url('postgres') };
      for (const round of ['first', 'again']) {
        await using program = runMain(env, folder);
        await program.ready();
        assert.doesNotMatch(program.output(), /demo/i, round);
        const server = program.server();
        assert.equal((await rawHttp({ server, path: '/healthz' })).status, 200);
        assert.equal((await rawHttp({ server, path: '/api/demo/people' })).status, 404);
        const signIn = await rawHttp({
          server,
          method: 'POST',
          path: '/api/demo/sign-in',
          headers: { origin: server },
          body: { person: 'admin' },
        });
        assert.equal(signIn.status, 404);
        assert.equal(existsSync(join(folder, 'data', 'demo.json')), false);
        assert.deepEqual(serversOf(join(folder, 'data')), []);
        program.kill('SIGINT');
        assert.equal(await program.ended, 0, program.output());
      }
      const client = new pg.Client({ connectionString: postgres.adminUrl });
      await client.connect();
      const { rows } = await client.query(
        "select count(*)::int as starts, (select count(*)::int from installation) as installations from audit_entries where kind = 'system.started'",
      );
      assert.deepEqual(rows, [{ starts: 2, installations: 1 }]);
      await client.end();
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
    assert.deepEqual(who.said.rights, ['administer', 'audit']);
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
    const applied = await sally('policy', 'apply', policies);
    assert.equal(applied.code, 0, applied.stderr + applied.stdout);

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
