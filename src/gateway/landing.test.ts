// The soft landing: at the deadline nothing new begins, what runs may finish within the grace, and nothing commits
// later than a second after that. Every case asks the target what is left.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { startWorld, type World, type WorldGrant } from '../../test/harness/gateway-world.ts';
import { fields, logInByWire, msg, openWire, type Wire } from '../../test/harness/wire.ts';
import { monotonicMs } from '../base/timer.ts';

const LATEST_MS = 1_000;
const FOR_MS = 1_500;

let world: World;
before(async () => {
  world = await startWorld({ version: 18 });
});
after(() => world.stop());

async function session(landingMs: number): Promise<{ grant: WorldGrant; wire: Wire }> {
  const grant = await world.grant({ forMs: FOR_MS, landingMs });
  const wire = await openWire(world.gateway.port);
  await logInByWire(wire, grant.login, grant.secret);
  return { grant, wire };
}

const insert = (note: string, seconds: number) =>
  `insert into orders (note) select '${note}' from pg_sleep(${seconds})`;
const deadlineOf = (grant: WorldGrant) => delay(Math.max(0, grant.endsAt - monotonicMs() + 150));

async function notes(note: string): Promise<number> {
  const { rows } = await world.admin.query('select count(*)::int as n from orders where note = $1', [note]);
  return rows[0].n;
}

async function backends(grant: WorldGrant): Promise<number> {
  const sql = 'select count(*)::int as n from pg_stat_activity where usename = $1';
  return (await world.admin.query(sql, [grant.login])).rows[0].n;
}

/** When the client was cut, in ms after the deadline; and that the backend is gone then. */
async function cutAfter(grant: WorldGrant, wire: Wire): Promise<number> {
  const told = await wire.rest();
  const lateMs = monotonicMs() - grant.endsAt;
  assert.equal(fields(told.at(-1)).S, 'FATAL');
  const endsAt = monotonicMs() + LATEST_MS;
  while ((await backends(grant)) > 0) assert.ok(monotonicMs() < endsAt, 'the backend is still there');
  return lateMs;
}

test('what runs at the deadline finishes and is committed; the session ends with it, not with the grace', async () => {
  const { grant, wire } = await session(20_000);
  wire.send(msg('Q', insert('landed', 3)));
  const lateMs = await cutAfter(grant, wire);
  assert.ok(lateMs > 200 && lateMs < 10_000, `${lateMs} ms after the deadline`);
  assert.equal(await notes('landed'), 1);
});

test('a statement that comes after the deadline is refused, and the one that runs is not disturbed', async () => {
  const { grant, wire } = await session(20_000);
  wire.send(msg('Q', insert('first', 3)));
  await deadlineOf(grant);
  wire.send(msg('Q', insert('late', 0)));
  await cutAfter(grant, wire);
  assert.deepEqual([await notes('first'), await notes('late')], [1, 0]);
});

test('the extended protocol lands too: the driver gets its answer', async () => {
  const grant = await world.grant({ forMs: FOR_MS, landingMs: 20_000 });
  const client = new pg.Client({ connectionString: world.url(grant) });
  client.on('error', () => undefined);
  await client.connect();
  const prepared = { name: 'kept', text: 'insert into orders (note) values ($1)' };
  await client.query({ ...prepared, values: ['before'] });
  const ended = new Promise((resolve) => client.once('end', resolve));
  const done = await client.query('insert into orders (note) select $1 from pg_sleep($2)', ['extended', 3]);
  assert.equal(done.rowCount, 1);
  await assert.rejects(client.query({ ...prepared, values: ['after'] }));
  await ended;
  assert.deepEqual([await notes('before'), await notes('extended'), await notes('after')], [1, 1, 0]);
});

test('nothing is committed later than the grace: what still runs then is cut', async () => {
  const { grant, wire } = await session(1_000);
  wire.send(msg('Q', insert('too slow', 4)));
  const lateMs = await cutAfter(grant, wire);
  assert.ok(lateMs >= 900 && lateMs < 1_000 + LATEST_MS, `${lateMs} ms after the deadline`);
  await delay(3_000);
  assert.equal(await notes('too slow'), 0);
});

for (const [what, first] of [
  ['idle', null],
  ['idle in a transaction', `begin; ${insert('open', 0)}`],
] as const) {
  test(`${what} at the deadline, there is nothing to wait for`, async () => {
    const { grant, wire } = await session(20_000);
    if (first !== null) wire.send(msg('Q', first));
    const lateMs = await cutAfter(grant, wire);
    assert.ok(lateMs < LATEST_MS, `${lateMs} ms after the deadline`);
    assert.equal(await notes('open'), 0);
  });
}

test('a revocation does not wait for the grace', async () => {
  const { grant, wire } = await session(20_000);
  wire.send(msg('Q', insert('revoked', 8)));
  await deadlineOf(grant);
  await delay(300);
  assert.equal(await backends(grant), 1, 'it runs on after the deadline');
  world.endGrant(grant, 'laptop stolen');
  assert.ok((await cutAfter(grant, wire)) < 3_000);
  assert.equal(await notes('revoked'), 0);
});
