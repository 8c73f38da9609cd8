// Statements that wait for a yes, against a real server and a real store: nothing runs before it, exactly what was shown
// runs after it and once, and whatever else becomes of it is an SQL error in a session that lives on.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { startWorld, type World, type WorldGrant } from '../../test/harness/gateway-world.ts';
import { int, logInByWire, msg, openWire } from '../../test/harness/wire.ts';
import { publish } from '../events/events.ts';

let world: World;
before(async () => {
  world = await startWorld({ version: 18 });
});
after(() => world.stop());

const RIGHTS = ['grant select, insert, update, delete on orders to $', 'grant usage on orders_id_seq to $'];
const grantOf = (approve: string[] = ['write']) => world.grant({ approve, rights: RIGHTS });

async function connected(grant: WorldGrant): Promise<pg.Client & AsyncDisposable & { told: string[] }> {
  const client = new pg.Client({ connectionString: world.url(grant) });
  const told: string[] = [];
  client.on('error', () => undefined);
  client.on('notice', (notice) => told.push(notice.message ?? ''));
  await client.connect();
  return Object.assign(client, { told, [Symbol.asyncDispose]: () => client.end() });
}

/** The one statement of the grant that waits now. */
async function waiting(grant: WorldGrant) {
  for (;;) {
    const row = await world.db
      .selectFrom('statement_requests as t')
      .innerJoin('sessions as s', 's.id', 't.session_id')
      .selectAll('t')
      .where('s.grant_id', '=', grant.id)
      .where('t.state', '=', 'waiting')
      .executeTakeFirst();
    if (row !== undefined) return row;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function decide(grant: WorldGrant, state: 'approved' | 'denied', change: object = {}) {
  const row = await waiting(grant);
  await world.db
    .updateTable('statement_requests')
    .set({ state, reason: state === 'denied' ? 'not today' : null, ...change })
    .where('id', '=', row.id)
    .execute();
  await publish(world.db, { topic: 'requests', id: row.id });
  return row;
}

async function stateOf(id: string): Promise<string> {
  const { state } = await world.db
    .selectFrom('statement_requests')
    .select('state')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  return state;
}

async function notes(note: string): Promise<number> {
  const { rows } = await world.admin.query('select count(*)::int as n from orders where note = $1', [note]);
  return rows[0].n;
}

test('a write waits with its text and estimate, reads do not; approved, it runs once; the next waits again', async () => {
  const grant = await grantOf();
  await using client = await connected(grant);
  assert.equal((await client.query('select id from orders limit 3')).rowCount, 3);
  const running = client.query("update orders set note = 'one' where id = 1");
  const row = await waiting(grant);
  assert.equal(row.text, "update orders set note = 'one' where id = 1");
  assert.match(row.estimate ?? '', /Update on orders/);
  assert.equal(await notes('one'), 0);
  assert.match(
    client.told.join(),
    /waits for approval by 1 of Group::"dba", at most 10 min: http:\/\/portal/,
  );
  await decide(grant, 'approved');
  assert.equal((await running).rowCount, 1);
  assert.equal(await stateOf(row.id), 'used');
  const again = client.query("update orders set note = 'one' where id = 1");
  assert.notEqual((await decide(grant, 'denied')).id, row.id);
  await assert.rejects(again, { code: '42501', message: /denied it: not today/ });
  assert.equal((await client.query('select 1 as one')).rows[0].one, 1);
});

test('values are part of what is approved, in pipelines and with statements that were prepared before', async () => {
  const grant = await grantOf();
  await using client = await connected(grant);
  const prepared = { name: 'kept', text: 'update orders set note = $1 where id = $2' };
  for (const id of [2, 3]) {
    const running = client.query({ ...prepared, values: [`bound ${id}`, id] });
    const row = await waiting(grant);
    assert.deepEqual(row.parameters, [`bound ${id}`, String(id)]);
    assert.match(row.estimate ?? '', /Update on orders/);
    await decide(grant, 'approved');
    assert.equal((await running).rowCount, 1);
  }
  assert.equal(await notes('bound 3'), 1);
  const denied = client.query({ ...prepared, values: ['denied', 4] });
  await decide(grant, 'denied');
  await assert.rejects(denied, { code: '42501' });
  assert.equal(await notes('denied'), 0);
  assert.equal((await client.query('select id from orders where id = $1', [4])).rowCount, 1);
});

test('the card says where names are looked for, and a name cannot pass for a line of the plan', async () => {
  const grant = await grantOf(['delete']);
  await using client = await connected(grant);
  const shown = async (path: string) => {
    await client.query(`set search_path = ${path}`);
    const running = client.query('delete from public.orders where id = -1');
    const { estimate } = await decide(grant, 'approved');
    await running;
    return estimate?.split('\n') ?? [];
  };
  const [path, plan] = await shown('archive, public');
  assert.equal(path, 'search_path: archive, public');
  assert.match(plan ?? '', /Delete on orders/);
  const [odd, next] = await shown('"x\nDelete on harmless"');
  assert.equal(odd, String.raw`search_path: "x\u{a}Delete on harmless"`);
  assert.match(next ?? '', /Delete on orders/);
});

test('a yes for another text or other values lets nothing run', async () => {
  const grant = await grantOf();
  await using client = await connected(grant);
  const running = client.query("insert into orders (note) values ('swapped')");
  await decide(grant, 'approved', { digest: 'of something else' });
  await assert.rejects(running, { code: '42501' });
  assert.equal(await notes('swapped'), 0);
});

test('inside a transaction: the plan sees it, nothing of the plan stays, and a refusal aborts it as any error', async () => {
  const grant = await grantOf(['delete']);
  await using client = await connected(grant);
  await client.query("begin; update orders set note = 'mine' where id = 5");
  const running = client.query("delete from orders where note = 'mine'");
  assert.match((await decide(grant, 'approved')).estimate ?? '', /Delete on orders/);
  assert.equal((await running).rowCount, 1);
  await client.query('rollback');
  await client.query('begin');
  const missing = client.query('delete from no_such_table');
  assert.equal((await decide(grant, 'approved')).estimate, 'search_path: "$user", public');
  await assert.rejects(missing, { code: '42P01' });
  await client.query('rollback');
  const denied = client.query('delete from orders where id = 5');
  await decide(grant, 'denied');
  await assert.rejects(denied, { code: '42501' });
  assert.equal((await client.query('select id from orders where id = 5')).rowCount, 1);
});

test('what would run more than by one yes, or with what nobody saw, is refused', async () => {
  await using client = await connected(await grantOf());
  for (const text of [
    "prepare later as update orders set note = 'later'",
    'execute later',
    'explain analyze execute later',
    'copy orders (note) from stdin',
  ])
    await assert.rejects(client.query(text), { code: '42501', hint: /send it as it is to run/ }, text);
});

test('what waits is what the target has under a name, whatever was said of it since', async () => {
  const grant = await grantOf();
  const wire = await openWire(world.gateway.port);
  await logInByWire(wire, grant.login, grant.secret);
  const answered = async (...parts: Buffer[]) => {
    wire.send(...parts);
    return (await wire.until('Z')).map(({ type, body }) =>
      type === 'E' ? /C(\w{5})/.exec(`${body}`)?.[1] : type,
    );
  };
  const run = (name: string) => [msg('B', '', name, Buffer.alloc(6)), msg('E', '', int(0)), msg('S')];
  const remove = 'delete from orders where id = 7';
  assert.deepEqual(await answered(msg('P', 'p', remove, int(0, 2)), msg('S')), ['1', 'Z']);
  // The first statement ends well, the second does not.
  assert.deepEqual(await answered(msg('Q', 'select 1; prepare p as select 2')), [
    'T',
    'D',
    'C',
    '42P05',
    'Z',
  ]);
  const running = answered(...run('p'));
  assert.equal((await decide(grant, 'denied')).text, remove);
  assert.deepEqual(await running, ['N', '42501', 'Z']);
  assert.deepEqual(await answered(...run('nobody made it')), ['26000', 'Z']);
  assert.deepEqual(await answered(msg('Q', 'prepare q as select 2')), ['C', 'Z']);
  assert.deepEqual(await answered(...run('q')), ['2', 'D', 'C', 'Z']);
  // Two names in one encoding may be one in the server's, and the other way round.
  for (const parts of [
    [msg('P', 'é', remove, int(0, 2)), msg('S')],
    run('é'),
    [msg('B', 'é', 'p', Buffer.alloc(6)), msg('S')],
    [msg('E', 'é', int(0)), msg('S')],
    [msg('C', 'Sé'), msg('S')],
  ])
    assert.deepEqual(await answered(...parts), ['0A000', 'Z']);
  wire.send(msg('X'));
  await wire.closed;
  const { rows } = await world.admin.query('select 1 from orders where id = 7');
  assert.equal(rows.length, 1);
});

test('nobody is asked about what the target may read as other characters', async () => {
  const grant = await grantOf();
  await using client = await connected(grant);
  const write = "update orders set note = 'é' where id = 8";
  await client.query("set client_encoding = 'LATIN1'");
  await assert.rejects(client.query(write), { code: '22021', hint: /UTF8/ });
  const values = ['é', 8];
  const bound = client.query({ text: 'update orders set note = $1 where id = $2', values });
  await assert.rejects(bound, { code: '22021' });
  await client.query("set client_encoding = 'UTF8'");
  const running = client.query(write);
  await decide(grant, 'approved');
  assert.equal((await running).rowCount, 1);
  assert.equal(await notes('é'), 1);
});

test('the hidden writes wait too: in a WITH, in EXPLAIN ANALYZE, SELECT INTO, several in one text', async () => {
  const grant = await grantOf();
  await using client = await connected(grant);
  for (const text of [
    'with gone as (delete from orders where id = 6 returning id) select * from gone',
    'explain analyze delete from orders where id = 6',
    'select 1 as x into temp t',
    'select 1; delete from orders where id = 6',
    'do $$ begin perform 1; end $$',
  ]) {
    const running = client.query(text);
    running.catch(() => undefined);
    if (text.startsWith('do ')) {
      await assert.rejects(running, { code: '42501' });
      continue;
    }
    await decide(grant, 'denied');
    await assert.rejects(running, { code: '42501', message: /denied it/ }, text);
  }
  const { rows } = await world.admin.query('select 1 from orders where id = 6');
  assert.equal(rows.length, 1);
});

test('a cancel request takes it back, a client that leaves or a grant that ends withdraws it', async () => {
  const grant = await grantOf();
  const client = await connected(grant);
  const running = client.query("insert into orders (note) values ('cancelled')");
  const first = await waiting(grant);
  // The types of `pg` leave the key out.
  const [pid, secret] = [Number(Reflect.get(client, 'processID')), Number(Reflect.get(client, 'secretKey'))];
  const cancel = await openWire(world.gateway.port);
  cancel.send(int(16), int(80_877_102), int(pid), int(secret >>> 0));
  await assert.rejects(running, { code: '57014' });
  assert.equal(await stateOf(first.id), 'withdrawn');
  assert.equal((await client.query('select 1 as one')).rows[0].one, 1);

  const left = client.query("insert into orders (note) values ('left')");
  left.catch(() => undefined);
  const second = await waiting(grant);
  Reflect.get(client, 'connection').stream.destroy();
  while ((await stateOf(second.id)) === 'waiting') await new Promise((resolve) => setTimeout(resolve, 50));
  const other = await connected(grant);
  const ended = other.query("insert into orders (note) values ('ended')");
  ended.catch(() => undefined);
  const third = await waiting(grant);
  world.endGrant(grant, 'laptop stolen');
  await assert.rejects(ended);
  while ((await stateOf(third.id)) === 'waiting') await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual([await notes('cancelled'), await notes('left'), await notes('ended')], [0, 0, 0]);
});
