// Clocks that jump by an hour under grants that are active, the program's and the store's, forwards and back: no grant
// and no session lives longer than it was given. And the second before and after the deadline, with clocks that are right.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { issuedCredential } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { converge, loginsOnTarget, logVerifies } from '../harness/convergence.ts';
import { figure } from '../harness/figure.ts';
import { type LeanSallyport, startLeanSallyport } from '../harness/lean-sallyport.ts';
import { createMovedClock, type MovedClock } from '../harness/moved-clock.ts';
import { skipWithout } from '../harness/services.ts';

const HOUR_S = 3_600;
const LIFETIME_S = 12;
/** lifecycle.md: nothing lives longer than this past its deadline; a grant that nobody uses is gone soon after. */
const CUT_LIMIT_MS = 1_000;
const GONE_LIMIT_MS = 10_000;

describe('moved clocks', { skip: skipWithout('faketime') }, () => {
  let program: MovedClock;
  let store: MovedClock;
  let sallyport: LeanSallyport;
  before(async () => {
    program = createMovedClock();
    store = createMovedClock();
    sallyport = await startLeanSallyport({ env: program.env, storeClock: store });
  });
  after(async () => {
    await sallyport?.[Symbol.asyncDispose]();
    program?.remove();
    store?.remove();
  });

  /** An active grant with a session; times by the test's own monotonic clock. */
  async function inUse(seconds: number) {
    const askedAt = performance.now();
    const { grant } = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, {
      target: 'orders-db',
      task: 'read-orders',
      duration: `${seconds}s`,
      reason: 'by a clock that moves',
    });
    assert.equal(grant?.state, 'active');
    // It was activated between the question and the answer: no deadline is later than this.
    const latestEnd = performance.now() + seconds * 1000;
    const path = `/api/grants/${grant.id}/credentials`;
    const { dsn } = await sallyport.ask('engineer', 'POST', path, issuedCredential, {});
    const client = new pg.Client({ connectionString: dsn });
    client.on('error', () => undefined);
    const closedAt = new Promise<number>((resolve) => client.once('end', () => resolve(performance.now())));
    await client.connect();
    await client.query('select 1');
    return { grant, dsn, closedAt, latestEnd, earliestEnd: askedAt + seconds * 1000 };
  }

  async function goneBy(login: string, at: number): Promise<number> {
    while (performance.now() < at) {
      if (!(await loginsOnTarget(sallyport)).includes(login)) return performance.now();
      await delay(100);
    }
    return assert.fail('the grant lives on on its target');
  }

  for (const [whose, clock] of [
    ['program', () => program],
    ['store', () => store],
  ] as const)
    for (const hours of [1, -1]) {
      test(`the ${whose}'s by ${hours} h`, { timeout: 120_000 }, async (t) => {
        const used = await inUse(LIFETIME_S);
        try {
          await delay(2_000);
          clock().move(hours * HOUR_S);
          const cutAt = await Promise.race([used.closedAt, delay(60_000, Number.POSITIVE_INFINITY)]);
          assert.ok(cutAt <= used.latestEnd + CUT_LIMIT_MS, `cut ${cutAt - used.latestEnd} ms late`);
          const goneAt = await goneBy(used.grant.login, used.latestEnd + GONE_LIMIT_MS);
          await assert.rejects(
            new pg.Client({ connectionString: used.dsn }).connect(),
            'nobody comes in again',
          );
          figure(
            t,
            'clock',
            `${whose} ${hours} h: cut ${Math.round(cutAt - used.latestEnd)} ms, gone ${Math.round(goneAt - used.latestEnd)} ms after the latest possible deadline`,
          );
        } finally {
          clock().move(0);
        }
        await converge(sallyport);
      });
    }

  test('right clocks: in until a second before the deadline, out a second after it', async (t) => {
    const used = await inUse(8);
    await delay(Math.max(0, used.earliestEnd - 1_000 - performance.now()));
    const late = new pg.Client({ connectionString: used.dsn });
    late.on('error', () => undefined);
    await late.connect();
    await late.query('select 1');
    const cutAt = await Promise.race([used.closedAt, delay(20_000, Number.POSITIVE_INFINITY)]);
    assert.ok(cutAt >= used.earliestEnd - CUT_LIMIT_MS, 'not early');
    assert.ok(cutAt <= used.latestEnd + CUT_LIMIT_MS, 'not late');
    await delay(Math.max(0, used.latestEnd + 1_000 - performance.now()));
    await assert.rejects(new pg.Client({ connectionString: used.dsn }).connect());
    figure(
      t,
      'clock',
      `expiry: cut ${Math.round(cutAt - used.latestEnd)} ms after the latest possible deadline`,
    );
    await converge(sallyport);
    await logVerifies(sallyport);
  });
});
