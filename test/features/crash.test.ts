// kill -9 in the middle of granting and of revoking, again and again: after each start, the logins on the target are
// the active grants, nothing more and nothing less, and the log verifies.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { grant, issuedCredential, receipt } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { sessionMeasures, session as sessionSchema } from '../../src/api/sessions.ts';
import { pageOf } from '../../src/api/text.ts';
import { CONVERGENCE_LIMIT_MS, converged, loginsOnTarget } from '../harness/convergence.ts';
import { type Sallyport, startSallyport } from '../harness/sallyport.ts';

/** `npm run test:faults` asks for more. */
const CRASHES = Number(process.env.SALLY_CRASHES ?? 5);

let sallyport: Sallyport;
before(async () => {
  sallyport = await startSallyport();
});
after(() => sallyport[Symbol.asyncDispose]());

const grants = pageOf(grant);

/** Requests and early returns, as fast as they go, until the program is gone. */
async function churn(signal: AbortSignal): Promise<void> {
  const one = async () => {
    while (!signal.aborted) {
      const got = await sallyport.ask('engineer', 'POST', '/api/requests?wait=5', submitted, {
        target: 'orders-db',
        task: 'read-orders',
        duration: '10m',
        reason: 'churn',
      });
      // Some stay active, so that the crash also finds grants that must survive it.
      if (got.grant !== null && Math.random() < 0.8)
        await sallyport.ask('engineer', 'POST', `/api/grants/${got.grant.id}/done`, grant);
    }
  };
  await Promise.allSettled(Array.from({ length: 4 }, one));
}

const onTarget = async () => ({ roles: await loginsOnTarget(sallyport) });

test(`${CRASHES} crashes at random moments of granting and revoking`, {
  timeout: CRASHES * 60_000,
}, async () => {
  for (let round = 1; round <= CRASHES; round++) {
    const stopping = new AbortController();
    const work = churn(stopping.signal);
    await delay(300 + Math.random() * 1_200);
    await sallyport.crash();
    stopping.abort();
    await work;
    await sallyport.start();
    await converged(sallyport, round, onTarget);
    // Leave a few for the next crash, not all of them for ever.
    for (const one of (
      await sallyport.ask('engineer', 'GET', '/api/grants?view=mine&state=active&limit=200', grants)
    ).items.slice(5)) {
      await sallyport.ask('engineer', 'POST', `/api/grants/${one.id}/done`, grant);
    }
  }
  await converged(sallyport, CRASHES + 1, onTarget);
  const verified = await sallyport.cli('auditor', 'audit', 'verify', '--json');
  assert.equal(verified.code, 0, verified.stderr);
});

test('a session that was open in the crash is closed in the record, and its grant goes on', async () => {
  const { grant: granted } = await sallyport.ask('engineer', 'POST', '/api/requests?wait=10', submitted, {
    target: 'orders-db',
    task: 'read-orders',
    duration: '10m',
    reason: 'open in the crash',
  });
  assert.ok(granted);
  const credential = () =>
    sallyport.ask('engineer', 'POST', `/api/grants/${granted.id}/credentials`, issuedCredential);
  const client = new pg.Client({ connectionString: (await credential()).dsn });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('select 1 as before_the_crash');
  const counted = 'select count(*) from orders';
  for (let time = 0; time < 2; time++) await client.query(counted);
  const measured = async () => {
    const { items } = await sallyport.ask(
      'auditor',
      'GET',
      `/api/sessions?grant=${granted.id}`,
      pageOf(sessionSchema),
    );
    const path = `/api/sessions/${items.find((one) => one.application !== 'again')?.id}/measures`;
    const measures = await sallyport.ask('auditor', 'GET', path, sessionMeasures);
    return measures.items.find((one) => one.object === 'orders')?.statements ?? 0;
  };
  // Written while it runs, so that a crash does not take it along.
  const endsAt = Date.now() + CONVERGENCE_LIMIT_MS;
  while ((await measured()) !== 2) {
    assert.ok(Date.now() < endsAt, 'the open session was not measured');
    await delay(200);
  }
  await sallyport.crash();
  await sallyport.start();
  const list = (await sallyport.call('auditor', 'GET', `/api/sessions?grant=${granted.id}`)).body as {
    items: { id: string; live: boolean; endReason: string }[];
  };
  assert.equal(list.items.length, 1);
  assert.equal(list.items[0]?.live, false);
  const detail = (await sallyport.call('auditor', 'GET', `/api/sessions/${list.items[0]?.id}`)).body as {
    recording: { intact: boolean; problem: string };
    statementList: { text: string }[];
  };
  assert.equal(detail.recording.intact, true, detail.recording.problem);
  assert.deepEqual(
    detail.statementList.map((one) => one.text),
    ['select 1 as before_the_crash', counted, counted],
  );
  assert.equal(await measured(), 2, 'nothing is counted twice');
  const again = new pg.Client({ connectionString: (await credential()).dsn, application_name: 'again' });
  await again.connect();
  assert.equal((await again.query('select count(*) from orders')).rows[0]?.count, '120000');
  await again.end();
  await sallyport.ask('engineer', 'POST', `/api/grants/${granted.id}/done?wait=20`, grant);
  let told = 0;
  while (told !== 3) {
    const { used } = await sallyport.ask('engineer', 'GET', `/api/grants/${granted.id}/receipt`, receipt);
    told = used.reduce((sum, one) => sum + one.statements, 0);
    assert.ok(Date.now() < endsAt + CONVERGENCE_LIMIT_MS && told <= 3, `the receipt counts ${told}`);
    await delay(200);
  }
});
