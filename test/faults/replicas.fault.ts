// Two replicas under load, one of them killed again and again; one that is stopped past its lease and goes on; a
// failover of the store that takes two minutes. No grant lost, none doubled, revocation on time.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Duo, startDuo } from '../harness/duo.ts';

const ROUNDS = 5;
const FAILOVER_MS = 120_000;
/** A killed replica's steps are free after 15 s; the rest is what a busy machine takes. */
const ABSENT_LIMIT_S = 60;

let duo: Duo;
before(async () => {
  duo = await startDuo();
});
after(() => duo?.[Symbol.asyncDispose]());

async function until(what: string, limitMs: number, so: () => Promise<boolean>): Promise<void> {
  const endsAt = Date.now() + limitMs;
  while (!(await so())) {
    assert.ok(Date.now() < endsAt, `${what} within ${limitMs} ms`);
    await delay(100);
  }
}

async function converged(): Promise<void> {
  await until('the target has exactly the active grants', 60_000, async () => {
    const live = await duo.liveGrants(duo.a);
    const logins = live.map((one) => one.login).sort();
    return (
      live.every((one) => one.state === 'active') &&
      JSON.stringify(logins) === JSON.stringify(await duo.logins())
    );
  });
}

test(`one of two is killed ${ROUNDS} times under load`, { timeout: 900_000 }, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const churns = [duo.churn(duo.a), duo.churn(duo.b)];
    const short = await duo.grant(duo.a, '5s');
    await delay(1_000 + Math.random() * 2_000);
    await duo.kill(duo.b);
    await delay(3_000);
    const made = (await Promise.all(churns.map((churn) => churn.stop()))).flat();
    assert.equal(new Set(made).size, made.length);
    await converged();
    await until(
      'the short one is over',
      60_000,
      async () => (await duo.see(duo.a, short.id)).state === 'revoked',
    );
    await duo.start(duo.b);
    await duo.endAll();
  }
  const { rows } = await duo.sql(`
    select count(*)::int as grants, count(distinct request_id)::int as requests,
      count(*) filter (where absent_at is null)::int as unfinished,
      max(extract(epoch from absent_at - ended_at))::float8 as slowest from grants`);
  await until('all are over', 60_000, async () => (await duo.logins()).length === 0);
  const [row] = rows;
  assert.equal(row?.grants, row?.requests, 'no request has two grants');
  assert.ok(row?.slowest <= ABSENT_LIMIT_S, `absent ${row?.slowest} s after the end`);
  for (const one of [duo.a, duo.b]) assert.equal((await duo.verify(one)).code, 0);
});

test('a worker that was stopped past its lease writes nothing', { timeout: 300_000 }, async () => {
  const blocker = new pg.Client({ connectionString: duo.postgres.url('shop') });
  await blocker.connect();
  await blocker.query('begin; lock table pg_catalog.pg_authid in share mode');
  const body = { target: 'shop', task: 'read-items', duration: '10m', reason: 'stopped in the middle' };
  const { grant } = await duo.ask(duo.b, 'POST', '/api/requests', body);
  await delay(500);
  duo.b.process.kill('SIGSTOP');
  // The statement is on its way already: the target does what it was told.
  await blocker.query('rollback');
  await blocker.end();
  await until(
    'the other takes the step',
    90_000,
    async () => (await duo.see(duo.a, grant.id)).state === 'active',
  );
  await duo.ask(duo.a, 'POST', `/api/grants/${grant.id}/done?wait=30`);
  assert.equal((await duo.see(duo.a, grant.id)).state, 'revoked');
  const read = async () =>
    (await duo.sql(`select version, observed, wanted from grants where id = '${grant.id}'`)).rows[0];
  const settled = await read();
  duo.b.process.kill('SIGCONT');
  await delay(5_000);
  assert.deepEqual(await read(), settled, 'its late answer changed nothing');
  assert.deepEqual(await duo.logins(), []);
  await until('it goes on', 20_000, async () => (await duo.get(duo.b, '/readyz')).status === 200);
});

test('a failover of the store of 120 s ends no session, and none outlives its deadline', {
  timeout: 400_000,
}, async () => {
  const toldGone = async () =>
    (await duo.sql("select count(*)::int as n from audit_entries where kind = 'replica.gone'")).rows[0]?.n;
  const goneBefore = await toldGone();
  const long = await duo.grant(duo.a, '10m');
  const short = await duo.grant(duo.b, '40s');
  const stays = await duo.connect(duo.a, long.id);
  const ends = await duo.connect(duo.b, short.id);
  const cutAt = new Promise<number>((resolve) => ends.once('end', () => resolve(Date.now())));
  const deadline = Date.parse(short.expiresAt ?? '');
  // The target is on the same server here, so the store's database alone goes away.
  const root = new pg.Client({ connectionString: duo.postgres.adminUrl });
  await root.connect();
  await root.query('alter database store allow_connections false');
  await root.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'store'");
  const began = Date.now();
  while (Date.now() - began < FAILOVER_MS) {
    assert.equal((await stays.query('select 1 as one')).rows[0]?.one, 1, 'it goes on meanwhile');
    await delay(5_000);
  }
  await root.query('alter database store allow_connections true');
  await root.end();
  const at = await Promise.race([cutAt, delay(1_000, Number.POSITIVE_INFINITY)]);
  assert.ok(at - deadline <= 1_000, `cut ${at - deadline} ms after the deadline`);
  await until('it is ready again', 30_000, async () => (await duo.get(duo.a, '/readyz')).status === 200);
  assert.equal((await stays.query('select 1 as one')).rows[0]?.one, 1);
  await stays.end();
  await until(
    'the short one is over',
    60_000,
    async () => (await duo.see(duo.a, short.id)).state === 'revoked',
  );
  // Nobody could say so while the store was away; a sign of life comes every two seconds.
  await until('everybody is known to be alive', 20_000, async () => {
    const { items } = await duo.ask(duo.a, 'GET', '/api/replicas');
    return (items as { state: string }[]).every((one) => one.state === 'running');
  });
  assert.equal(await toldGone(), goneBefore, 'nobody was taken for lost');
  assert.equal((await duo.verify(duo.a)).code, 0);
});
