// A worker that is stopped in the middle of a step, while another takes the step after it: when it goes on with the
// target's answer in its hand, what it would write is refused. Both kinds of step, and both ways to come to one: taken up
// by who ends the grant, and found due. Either holds it by a lease, whose end (45 s) is waited for.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Grant, grant as grantSchema } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { SYSTEM_ACTOR } from '../../src/audit/append.ts';
import { type Db, openStore } from '../../src/db/client.ts';
import { claim, LEASE_SECONDS, type StepGrant } from '../../src/grants/lease.ts';
import { settleEnd } from '../../src/grants/settle-ends.ts';
import { loginsOnTarget, logVerifies } from '../harness/convergence.ts';
import { figure } from '../harness/figure.ts';
import { type LeanSallyport, startLeanSallyport } from '../harness/lean-sallyport.ts';

const LOOK_MS = 100;
/** By then the first patrol is over, which would have the connection that a step asks on. */
const PATROLLED_MS = 4_000;
const LEASE_OVER_MS = (LEASE_SECONDS + 10) * 1000;

let sallyport: LeanSallyport;
let db: Db;
before(async () => {
  sallyport = await startLeanSallyport();
  db = openStore({ connectionString: sallyport.store.adminUrl, poolSize: 2, onError: () => undefined });
  await delay(PATROLLED_MS);
});
after(async () => {
  await db?.destroy();
  // A test that failed may have left it standing still.
  if (sallyport !== undefined) process.kill(sallyport.pid(), 'SIGCONT');
  await sallyport?.[Symbol.asyncDispose]();
});

const ASKED = { target: 'orders-db', task: 'read-orders', duration: '10m', reason: 'a late worker' };

async function active(): Promise<Grant> {
  const { grant } = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, ASKED);
  assert.equal(grant?.state, 'active');
  return grant;
}

async function until<T>(
  what: string,
  limitMs: number,
  look: () => Promise<T | undefined | false>,
): Promise<T> {
  const endsAt = performance.now() + limitMs;
  while (performance.now() < endsAt) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await delay(LOOK_MS);
  }
  return assert.fail(`${what}: not within ${limitMs} ms`);
}

const rowOf = (id: string) =>
  db.selectFrom('grants').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
const entriesOf = async (id: string, kind: string) =>
  (
    await db
      .selectFrom('audit_entries')
      .select('seq')
      .where('grant_id', '=', id)
      .where('kind', '=', kind)
      .execute()
  ).length;

/** As another replica, whose target has said that it is gone. */
async function settleAsAnother(row: StepGrant): Promise<void> {
  const settled = await settleEnd(db, {
    row,
    observed: 'absent',
    nodes: undefined,
    handle: { login: row.login, grantId: row.id },
    report: { blockers: [], leftBehind: [], sessionsEnded: 0 },
    retryMs: 0,
    lastError: null,
    entry: {
      kind: 'grant.revoked',
      actor: SYSTEM_ACTOR,
      requestId: row.request_id,
      grantId: row.id,
      targetId: row.target_id,
      detail: { login: row.login, by: 'another worker' },
    },
  });
  assert.ok(settled !== null, 'the one who took it after him may write');
}

/** The program waits for the target when this returns, and stands still; `act` set it going. */
async function stopMidStep(
  act: () => Promise<unknown>,
  id: string,
  held: (row: Awaited<ReturnType<typeof rowOf>>) => boolean,
) {
  await sallyport.roads.target.block('hold');
  void act().catch(() => undefined);
  await until('the step is under way', 10_000, async () => held(await rowOf(id)));
  await delay(500);
  process.kill(sallyport.pid(), 'SIGSTOP');
  // What it asked arrives now, and the answer waits for it.
  await sallyport.roads.target.open();
}

async function goOn(id: string): Promise<void> {
  const before = await rowOf(id);
  process.kill(sallyport.pid(), 'SIGCONT');
  await until(
    'it answers again',
    20_000,
    async () => (await sallyport.call(null, 'GET', '/healthz')).status === 200,
  );
  await delay(2_000);
  assert.deepEqual(await rowOf(id), before, 'what the late one wrote');
  assert.equal(await entriesOf(id, 'grant.revoked'), 1);
}

test('a revocation that was taken up at once', { timeout: 120_000 }, async () => {
  const { id, login } = await active();
  await stopMidStep(
    () => sallyport.call('engineer', 'POST', `/api/grants/${id}/done`),
    id,
    (row) => row.wanted === 'absent',
  );
  const gone = () => loginsOnTarget(sallyport).then((logins) => !logins.includes(login));
  await until('the target has done it', 20_000, gone);
  const row = await until('another may take it', LEASE_OVER_MS, async () => claim(db, id, 'another'));
  await settleAsAnother(row);
  await goOn(id);
});

test(`a revocation whose lease of ${LEASE_SECONDS} s has run out`, { timeout: 180_000 }, async (t) => {
  const { id } = await active();
  await sallyport.roads.target.block('refuse');
  // The first try fails, so that the next is by lease.
  await sallyport.call('engineer', 'POST', `/api/grants/${id}/done`);
  await until('it was tried', 20_000, async () => (await rowOf(id)).last_error !== null);
  await sallyport.roads.target.open();
  await sallyport.roads.target.block('hold');
  const leased = await until('a step is leased', 40_000, async () => {
    const row = await rowOf(id);
    return row.lease_until !== null && row;
  });
  process.kill(sallyport.pid(), 'SIGSTOP');
  await sallyport.roads.target.open();
  const stoppedAt = performance.now();
  const row = await until('the lease has run out', LEASE_OVER_MS, async () => claim(db, id, 'another'));
  assert.ok(row.version > leased.version);
  figure(
    t,
    'late-worker',
    `taken over ${((performance.now() - stoppedAt) / 1000).toFixed(0)} s after it stopped; its write refused`,
  );
  await settleAsAnother(row);
  await goOn(id);
  // Nothing that the target still has is left there: the patrol of the program that goes on removes it.
  const gone = () => loginsOnTarget(sallyport).then((logins) => logins.length === 0);
  await until('nothing is left on the target', 60_000, gone);
  await logVerifies(sallyport);
  assert.equal((await sallyport.ask('engineer', 'GET', `/api/grants/${id}`, grantSchema)).state, 'revoked');
});
