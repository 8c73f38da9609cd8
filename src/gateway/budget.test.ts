// A grant's budget of rows and bytes, against a real server: in both protocols, in COPY, with cursors, over two sessions
// and two gateways. What is over it never reaches the client, and the session lives on.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { startWorld, type World, type WorldGrant } from '../../test/harness/gateway-world.ts';
import { int, logInByWire, msg, openWire } from '../../test/harness/wire.ts';
import { createLog } from '../base/log.ts';
import { Secret } from '../base/secret.ts';
import { createBudgets } from '../sessions/budgets.ts';
import { readRecording } from '../sessions/read-recording.ts';

let world: World;
before(async () => {
  world = await startWorld({ version: 18 });
  await world.admin.query(
    `create table big as select n, repeat('x', 1000) as pad from generate_series(1, 200000) n`,
  );
});
after(() => world.stop());

const RIGHTS = [
  'grant select, insert, update on orders to $',
  'grant usage on orders_id_seq to $',
  'grant select on big to $',
];
const grantOf = (rows: number | null, bytes: number | null = null) =>
  world.grant({ budget: { rows, bytes }, rights: RIGHTS });

async function connected(grant: WorldGrant): Promise<pg.Client & AsyncDisposable & { told: string[] }> {
  const client = new pg.Client({ connectionString: world.url(grant) });
  const told: string[] = [];
  client.on('error', () => undefined);
  client.on('notice', (notice) => told.push(notice.message ?? ''));
  await client.connect();
  return Object.assign(client, { told, [Symbol.asyncDispose]: () => client.end() });
}

const OVER = { code: '53400', message: /the grant may read .* and has/, hint: /sally request orders-db/ };
const ids = 'select id from orders order by id limit';

test('up to the budget all is as ever; four fifths are told; what is over is an error, and the session lives on', async () => {
  await using client = await connected(await grantOf(100));
  assert.equal((await client.query(`${ids} 79`)).rowCount, 79);
  assert.deepEqual(client.told, []);
  assert.equal((await client.query(`${ids} 10`)).rowCount, 10);
  await assert.rejects(client.query(`${ids} 50`), OVER);
  assert.match(client.told.join(), /8\d % of what this grant may read is read: 100 rows/);
  await assert.rejects(client.query('select 1'), OVER);
  await assert.rejects(client.query('insert into orders (note) values ($1) returning id', ['a']), OVER);
  assert.equal((await client.query('insert into orders (note) values ($1)', ['after'])).rowCount, 1);
  assert.equal((await client.query(`update orders set note = 'after' where id = 1`)).rowCount, 1);
});

test('not one row more than the budget reaches the client, simple or extended, and the target stops', async () => {
  for (const extended of [false, true]) {
    const grant = await grantOf(1_000);
    const wire = await openWire(world.gateway.port);
    await logInByWire(wire, grant.login, grant.secret);
    const text = 'select * from big';
    if (extended)
      wire.send(
        msg('P', '', text, Buffer.alloc(2)),
        msg('B', '', '', Buffer.alloc(6)),
        msg('E', '', int(0)),
        msg('S'),
      );
    else wire.send(msg('Q', text));
    const answers = await wire.until('Z');
    const types = answers.map((one) => one.type);
    assert.equal(types.filter((type) => type === 'D').length, 1_000);
    assert.deepEqual(types.slice(-2), ['E', 'Z']);
    wire.send(msg('X'));
    await wire.closed;
  }
});

test('bytes count too, one long row that does not fit is not begun', async () => {
  const grant = await grantOf(null, 300_000);
  await using client = await connected(grant);
  assert.equal((await client.query('select pad from big limit 100')).rowCount, 100);
  await assert.rejects(client.query("select repeat('x', 500000)"), OVER);
  await assert.rejects(client.query('select 1'), OVER);
});

test('what comes beside rows gives little: texts are cut, notifications count', async () => {
  await using client = await connected(await grantOf(5));
  const notified: string[] = [];
  const settings: number[] = [];
  client.on('notification', ({ payload = '' }) => notified.push(payload));
  Reflect.get(client, 'connection').on('parameterStatus', ({ parameterValue }: { parameterValue: string }) =>
    settings.push(parameterValue.length),
  );
  await client.query('listen news');
  await client.query("update orders set note = note where id < 4 and pg_notify('news', note) is not null");
  await client.query('select id from orders limit 1');
  assert.equal(notified.length, 3);
  await client.query("update orders set note = note where pg_notify('news', note) is not null");
  await assert.rejects(
    client.query("update orders set id = (select string_agg('é' || id, ',') from orders)::int where id = 1"),
    (error: unknown) => {
      assert.ok(error instanceof pg.DatabaseError);
      assert.equal(error.code, '22P02');
      assert.match(error.message, /^invalid input syntax for type integer: "é\d+,[é\d,]+$/);
      assert.ok(Buffer.byteLength(error.message) < 300);
      return true;
    },
  );
  const path = "set_config('search_path', (select string_agg('é' || id, ',') from orders), false)";
  await client.query(`update orders set note = note where ${path} = ''`);
  assert.equal(notified.length, 4);
  assert.deepEqual(
    settings.filter((length) => length > 300),
    [],
  );
  await assert.rejects(client.query('select 1'), OVER);
});

test('COPY out stops at the budget, and a cursor and a statement prepared before give no more', async () => {
  const grant = await grantOf(1_000);
  const wire = await openWire(world.gateway.port);
  await logInByWire(wire, grant.login, grant.secret);
  wire.send(
    msg('P', 'kept', 'select id from orders', Buffer.alloc(2)),
    msg('S'),
    msg('Q', 'begin; declare c cursor for select id from orders'),
  );
  await wire.until('Z');
  await wire.until('Z');
  wire.send(msg('Q', 'commit'), msg('Q', 'copy big to stdout'));
  await wire.until('Z');
  const copied = (await wire.until('Z')).map((one) => one.type);
  assert.deepEqual(copied.filter((type) => type === 'd').length, 1_000);
  assert.deepEqual([copied.includes('c'), ...copied.slice(-2)], [false, 'E', 'Z']);
  for (const ask of [
    [msg('B', '', 'kept', Buffer.alloc(6)), msg('E', '', int(0)), msg('S')],
    [msg('Q', 'fetch 1 from c')],
    [msg('Q', 'copy big to stdout')],
  ]) {
    wire.send(...ask);
    const types = (await wire.until('Z')).map((one) => one.type);
    assert.ok(types.includes('E') && !types.includes('D') && !types.includes('d'), types.join(''));
  }
  wire.send(msg('X'));
  await wire.closed;
});

test('a change that gives rows beyond the budget has happened, and says so', async () => {
  await using client = await connected(await grantOf(10));
  const text = "insert into orders (note) select 'returned' from generate_series(1, 20) returning id";
  assert.equal((await client.query(text)).rowCount, 20);
  assert.match(client.told.join(), /What this statement changed is changed/);
  const { rows } = await world.admin.query("select count(*)::int as n from orders where note = 'returned'");
  assert.equal(rows[0].n, 20);
});

test('what was sent behind a statement that is over the budget is never left in doubt: the session ends', async () => {
  const grant = await grantOf(5);
  const wire = await openWire(world.gateway.port);
  await logInByWire(wire, grant.login, grant.secret);
  wire.send(msg('Q', `${ids} 20; insert into orders (note) values ('behind'); select 1`));
  const told = await wire.rest();
  assert.equal(told.filter((one) => one.type === 'D').length, 5);
  assert.ok(!told.some((one) => one.type === 'Z'));
});

test('all sessions of a grant count together, here, on other replicas, and after they have ended', async () => {
  const grant = await grantOf(100);
  await using first = await connected(grant);
  await using second = await connected(grant);
  await first.query(`${ids} 60`);
  await assert.rejects(second.query(`${ids} 60`), OVER);
  const [live] = world.sessions.live().filter((one) => one.ticket.grantId === grant.id);
  assert.ok(live !== undefined);
  await Promise.all([first.end(), second.end()]);
  await using third = await connected(grant);
  await assert.rejects(third.query(`${ids} 60`), OVER);

  const other = await grantOf(100);
  await using there = await connected(other);
  const ticket = world.sessions.live().find((one) => one.ticket.grantId === other.id)?.ticket;
  assert.ok(ticket !== undefined);
  const replica = createBudgets({ db: world.db, log: createLog('silent') });
  const budget = await replica.join({ ...ticket, sessionId: 'ses_elsewhere' }, () => undefined);
  assert.equal(budget?.over, false);
  await there.query(`${ids} 100`);
  for (let tries = 0; budget?.over === false && tries < 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    await replica.refresh();
  }
  assert.equal(budget?.over, true);
});

test('the recording tells what was cut, and the measures of the session count it as an error', async () => {
  const grant = await grantOf(10);
  const client = await connected(grant);
  await assert.rejects(client.query(`${ids} 11`), OVER);
  await client.end();
  const page = await readRecording(join(world.dataFolder, await recordingOf(grant)), { from: 0, limit: 10 });
  assert.deepEqual(
    page.statements.map((one) => [one.error?.sqlstate, one.bytes > 0]),
    [['53400', true]],
  );
  const measures = await world.db
    .selectFrom('session_use as u')
    .innerJoin('sessions as s', 's.id', 'u.session_id')
    .select(['u.verb', 'u.object', 'u.statements', 'u.errors'])
    .where('s.grant_id', '=', grant.id)
    .execute();
  assert.deepEqual(measures, [{ verb: 'select', object: 'orders', statements: 0, errors: 1 }]);
});

test('where policy keeps no values, no recording of statements and errors holds one, in either protocol', async () => {
  const literals = { mode: 'drop' as const, key: new Secret(Buffer.alloc(32, 7).toString('base64')) };
  const grant = await world.grant({ literals, rights: RIGHTS });
  const client = await connected(grant);
  await client.query("select id from orders where note = 'canary-one' and id = 4711");
  await client.query("select id from orders where note = 'canary-two' and id = $1", [4712]);
  await assert.rejects(client.query("select 'canary-three'::int"), { message: /canary-three/ });
  await assert.rejects(client.query("drop table orders -- canary-four 'x"), { code: '42501' });
  await assert.rejects(client.query("selekt 'canary-five"), /./);
  await assert.rejects(client.query("select 1 from 'canary-six'"), { message: /canary-six/ });
  await client.end();
  const path = join(world.dataFolder, await recordingOf(grant));
  const { statements } = await readRecording(path, { from: 0, limit: 10 });
  assert.equal(statements.length, 6);
  assert.equal(statements[0]?.text, 'select id from orders where note = ? and id = ?');
  assert.equal(statements[1]?.text, 'select id from orders where note = ? and id = $1');
  const told = JSON.stringify(statements);
  assert.ok(!told.includes('canary') && !told.includes('4711'), told);
});

async function recordingOf(grant: WorldGrant): Promise<string> {
  for (;;) {
    const row = await world.db
      .selectFrom('sessions')
      .select('recording')
      .where('grant_id', '=', grant.id)
      .executeTakeFirstOrThrow();
    if (row.recording !== null) return row.recording;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
