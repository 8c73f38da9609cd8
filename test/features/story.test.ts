// The main job, from the request to the proof that it is over, for each of the demo's tasks, against the real target:
// what exists before, what works while it is active and what does not, how it ends, what remains.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Grant, grant, issuedCredential, receipt } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { session, sessionDetail } from '../../src/api/sessions.ts';
import { pageOf } from '../../src/api/text.ts';
import { type Person, type Sallyport, startSallyport } from '../harness/sallyport.ts';

const REFUSED = '42501';
const GUARD_REFUSED = /guard|refuse|not allowed/i;

let sallyport: Sallyport;
let admin: pg.Client;

before(async () => {
  sallyport = await startSallyport();
  admin = new pg.Client({ connectionString: sallyport.adminUrl() });
  await admin.connect();
});
after(async () => {
  await admin.end();
  await sallyport[Symbol.asyncDispose]();
});

async function grantOf(task: string, duration: string, approvers: Person[] = []): Promise<Grant> {
  const { request } = await sallyport.ask('engineer', 'POST', '/api/requests', submitted, {
    target: 'orders-db',
    task,
    duration,
    reason: `the story of ${task}`,
  });
  for (const approver of approvers) {
    await sallyport.ask(approver, 'POST', `/api/requests/${request.id}/approve`, submitted, {
      digest: request.digest,
    });
  }
  const got = await sallyport.ask('engineer', 'GET', `/api/requests/${request.id}?wait=20`, submitted);
  assert.equal(got.grant?.state, 'active', JSON.stringify(got.grant));
  return got.grant;
}

async function dsnOf(grantId: string): Promise<string> {
  return (await sallyport.ask('engineer', 'POST', `/api/grants/${grantId}/credentials`, issuedCredential))
    .dsn;
}

async function connect(dsn: string, application = 'story'): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: dsn, application_name: application });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

const roleExists = async (login: string) =>
  ((await admin.query('select 1 from pg_roles where rolname = $1', [login])).rowCount ?? 0) > 0;

const backends = async (login: string) =>
  Number(
    (await admin.query('select count(*) from pg_stat_activity where usename = $1', [login])).rows[0]?.count,
  );

/** The SQLSTATE that a statement fails with, or null when it works. */
async function failure(client: pg.Client, text: string): Promise<{ code: string; message: string } | null> {
  try {
    await client.query(text);
    return null;
  } catch (error) {
    assert.ok(error instanceof pg.DatabaseError, String(error));
    return { code: error.code ?? '', message: error.message };
  }
}

async function mustFail(client: pg.Client, text: string): Promise<void> {
  const failed = await failure(client, text);
  assert.notEqual(failed, null, `this must not work: ${text}`);
  await client.query('rollback');
}

async function endedAndGone(grantId: string, login: string): Promise<Grant> {
  const ended = await sallyport.ask('engineer', 'POST', `/api/grants/${grantId}/done?wait=20`, grant);
  assert.equal(ended.state, 'revoked');
  assert.equal(await roleExists(login), false);
  assert.equal(await backends(login), 0);
  return ended;
}

/** Whatever a task allows, none of this is in it. */
const NEVER = [
  'create role intruder login',
  "alter role current_user password 'mine'",
  "alter user current_user with password 'mine'",
  'set role orders_owner',
  'set role postgres',
  'set session authorization postgres',
  'grant sp_task to reporting',
  'select * from payment_methods',
  'drop table orders',
  'create database mine',
  "copy orders to program 'cat'",
  "copy orders to '/tmp/orders'",
  "select pg_read_file('/etc/passwd')",
  'do $$ begin perform 1; end $$',
  'alter system set log_statement = none',
];

describe('read-orders', () => {
  test('exactly its rights, for exactly its time, and a recording of exactly what was sent', async () => {
    const granted = await grantOf('read-orders', '30m');
    assert.equal(await roleExists(granted.login), true);
    const dsn = await dsnOf(granted.id);
    assert.match(dsn, /^postgres:\/\/sp_[0-9a-z]{26}:[^@]+@127\.0\.0\.1:\d+\/orders$/);
    const client = await connect(dsn);
    const sent = [
      'select count(*) from orders',
      "select id, status from public.orders where status = 'paid' order by id limit 3",
      'select id, country from customers limit 2',
    ];
    const [first, second] = [await client.query(sent[0] ?? ''), await client.query(sent[1] ?? '')];
    assert.equal(first.rows[0]?.count, '120000');
    assert.equal(second.rowCount, 3);
    await client.query(sent[2] ?? '');
    const parametrised = 'select total_cents from orders where id = $1';
    assert.equal((await client.query(parametrised, [7])).rowCount, 1);

    for (const text of [
      ...NEVER,
      "update orders set note = 'x' where id = 1",
      'insert into orders default values',
      'delete from orders where id = 1',
      'select email from customers limit 1',
      'select * from customers limit 1',
      'create table mine (id int)',
      'create temp table mine (id int)',
    ]) {
      await mustFail(client, text);
    }
    assert.equal((await failure(client, 'select phone from customers'))?.code, REFUSED);
    await client.end();

    for (const database of ['postgres', 'template1', '']) {
      const elsewhere = new URL(dsn);
      elsewhere.pathname = `/${database}`;
      await assert.rejects(connect(elsewhere.href), `database "${database}"`);
    }
    await endedAndGone(granted.id, granted.login);
    await assert.rejects(connect(dsn), /password|authentication|no longer|expired/i);

    const page = await sallyport.ask(
      'engineer',
      'GET',
      `/api/sessions?grant=${granted.id}&state=ended`,
      pageOf(session),
    );
    const recorded = page.items.find((item) => item.statements > 3);
    assert.ok(recorded !== undefined, 'the session is listed');
    const detail = await sallyport.ask(
      'auditor',
      'GET',
      `/api/sessions/${recorded.id}?limit=200`,
      sessionDetail,
    );
    assert.equal(detail.recording.intact, true, detail.recording.problem ?? '');
    assert.equal(detail.recording.state, 'closed');
    const texts = detail.statementList.map((item) => item.text);
    assert.deepEqual(texts.slice(0, 4), [...sent, parametrised]);
    assert.deepEqual(
      detail.statementList.slice(0, 4).map((item) => item.rows),
      [1, 3, 2, 1],
    );
    assert.ok(detail.statementList.some((item) => item.verdict === 'refused'));
    assert.ok(detail.statementList.some((item) => item.error?.sqlstate === REFUSED));

    const told = await sallyport.ask('engineer', 'GET', `/api/grants/${granted.id}/receipt`, receipt);
    assert.ok(
      told.used.some((item) => /read public\.orders/.test(item.right) && item.statements >= 3),
      JSON.stringify(told),
    );
    assert.ok(told.unused.some((right) => /order_items/.test(right)));
    assert.notEqual(told.narrower, null);
  });

  test('a secret works for its own grant only', async () => {
    const [one, other] = [await grantOf('read-orders', '5m'), await grantOf('read-orders', '5m')];
    const [a, b] = [new URL(await dsnOf(one.id)), new URL(await dsnOf(other.id))];
    const crossed = new URL(a.href);
    crossed.password = b.password;
    await assert.rejects(connect(crossed.href), /password authentication failed/);
    const unknown = new URL(a.href);
    unknown.username = 'sp_00000000000000000000000000';
    await assert.rejects(connect(unknown.href), /password authentication failed/);
    await (await connect(a.href)).end();
    await endedAndGone(one.id, one.login);
    await (await connect(b.href)).end();
    await endedAndGone(other.id, other.login);
  });

  test('two overlapping grants of one person never touch each other', async () => {
    const [short, long] = [await grantOf('read-orders', '2s'), await grantOf('read-orders', '5m')];
    const client = await connect(await dsnOf(long.id));
    await delay(4_000);
    const over = await sallyport.ask('engineer', 'GET', `/api/grants/${short.id}`, grant);
    assert.equal(over.state, 'revoked');
    assert.equal(await roleExists(short.login), false);
    assert.equal((await client.query('select count(*) from orders')).rows[0]?.count, '120000');
    await client.end();
    await endedAndGone(long.id, long.login);
  });

  test('a sixth secret is refused, and the other five work', async () => {
    const granted = await grantOf('read-orders', '5m');
    const dsns: string[] = [];
    for (let i = 0; i < 5; i++) dsns.push(await dsnOf(granted.id));
    const sixth = await sallyport.call('engineer', 'POST', `/api/grants/${granted.id}/credentials`);
    assert.equal(sixth.status, 429);
    for (const dsn of dsns) await (await connect(dsn)).end();
    for (const other of ['approver', 'admin', 'auditor'] as const) {
      assert.ok(
        (await sallyport.call(other, 'POST', `/api/grants/${granted.id}/credentials`)).status >= 400,
        other,
      );
    }
    await endedAndGone(granted.id, granted.login);
  });
});

describe('fix-orders', () => {
  test('its updates work, nothing beside them does, and what it wrote stays', async () => {
    const granted = await grantOf('fix-orders', '10m', ['approver']);
    const client = await connect(await dsnOf(granted.id));
    await client.query("update orders set status = 'cancelled', note = 'paid twice' where id = 1042");
    await client.query("insert into refunds (order_id, cents, reason) values (1042, 500, 'paid twice')");
    for (const text of [
      ...NEVER,
      'update orders set total_cents = 1 where id = 1',
      'delete from orders where id = 1',
      'delete from refunds',
      'update customers set name = name',
      'select email from customers',
      'create table mine (id int)',
    ]) {
      await mustFail(client, text);
    }
    await client.end();
    await endedAndGone(granted.id, granted.login);
    const { rows } = await admin.query(
      'select o.note, r.cents from orders o join refunds r on r.order_id = o.id where o.id = 1042',
    );
    assert.deepEqual(rows, [{ note: 'paid twice', cents: 500 }]);
  });
});

describe('change-schema', () => {
  test('what it makes belongs to the application and stays; nothing is destroyed', async () => {
    const granted = await grantOf('change-schema', '10m', ['approver', 'second-approver']);
    const client = await connect(await dsnOf(granted.id));
    await client.query('create table shipments (id int primary key, order_id int references orders(id))');
    await client.query('alter table orders add column priority int not null default 0');
    for (const text of NEVER.filter(
      (one) =>
        !one.startsWith('drop table') &&
        !one.startsWith('set role orders_owner') &&
        !one.includes('payment_methods'),
    )) {
      await mustFail(client, text);
    }
    await client.end();
    await endedAndGone(granted.id, granted.login);
    const { rows } = await admin.query(
      "select tableowner from pg_tables where tablename in ('shipments', 'orders') order by tablename",
    );
    assert.deepEqual(rows, [{ tableowner: 'orders_owner' }, { tableowner: 'orders_owner' }]);
  });
});

describe('the guard', () => {
  test('refuses in the simple and in the extended protocol, and the session lives on', async () => {
    const granted = await grantOf('read-orders', '5m');
    const client = await connect(await dsnOf(granted.id));
    for (const send of [
      () => client.query("alter role current_user password 'mine'"),
      () => client.query("alter role current_user password 'mine'", []),
      () =>
        client.query({ name: 'prepared', text: "select set_config('role', 'postgres', false)", values: [] }),
      () => client.query('select set_config($1, $2, false)', ['role', 'postgres']),
    ]) {
      await assert.rejects(
        send(),
        (error: unknown) =>
          error instanceof pg.DatabaseError &&
          GUARD_REFUSED.test(`${error.message} ${error.hint} ${error.detail}`),
      );
      assert.equal((await client.query('select 1 as one')).rows[0]?.one, 1);
    }
    await client.end();
    await endedAndGone(granted.id, granted.login);
  });

  test('startup parameters are an allow-list', async () => {
    const granted = await grantOf('read-orders', '5m');
    const dsn = await dsnOf(granted.id);
    for (const options of [
      '-c role=postgres',
      '-c session_authorization=postgres',
      '-c post_auth_delay=6',
      '--role=orders_owner',
      '-c log_statement=none',
    ]) {
      const client = new pg.Client({ connectionString: dsn, options });
      client.on('error', () => undefined);
      await assert.rejects(client.connect(), pg.DatabaseError, options);
    }
    const allowed = new pg.Client({ connectionString: dsn, options: '-c statement_timeout=5000' });
    await allowed.connect();
    assert.equal((await allowed.query('show statement_timeout')).rows[0]?.statement_timeout, '5s');
    await allowed.end();
    await endedAndGone(granted.id, granted.login);
  });
});

test('the log of all this verifies, by the CLI, and holds no secret', async () => {
  const verified = await sallyport.cli('auditor', 'audit', 'verify', '--json');
  assert.equal(verified.code, 0, verified.stderr);
  assert.equal(JSON.parse(verified.stdout).ok, true);
  const exported = await sallyport.call('auditor', 'GET', '/api/audit/export');
  for (const person of ['engineer', 'approver', 'auditor'] as const) {
    assert.equal(String(exported.body).includes(sallyport.token(person)), false);
  }
});
