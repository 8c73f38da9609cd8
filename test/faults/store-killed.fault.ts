// kill -9 of the store while people ask for, use and give back privileges: what was acknowledged is there afterwards,
// everything converges, and the log verifies. With the embedded store (its supervisor brings it back) and with one of
// the installation's own, PostgreSQL 15 and 18, durable as they are shipped.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { grant as grantSchema } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { postgresProcessesIn, sendSignal } from '../../src/db/embedded/processes.ts';
import { converge, logVerifies } from '../harness/convergence.ts';
import { figure } from '../harness/figure.ts';
import { startLeanSallyport } from '../harness/lean-sallyport.ts';
import { type Sallyport, startSallyport } from '../harness/sallyport.ts';
import { skipWithout } from '../harness/services.ts';

const ROUNDS = 5;
const LANES = 4;
const BACK_LIMIT_MS = 60_000;

interface Acknowledged {
  granted: string[];
  returned: string[];
}

/** Works until told to stop, whatever fails meanwhile, and keeps what it was told. */
function churn(sallyport: Sallyport, signal: AbortSignal): Promise<Acknowledged> {
  const kept: Acknowledged = { granted: [], returned: [] };
  const lane = async () => {
    while (!signal.aborted) {
      try {
        const { grant } = await sallyport.ask('engineer', 'POST', '/api/requests?wait=5', submitted, {
          target: 'orders-db',
          task: 'read-orders',
          duration: '10m',
          reason: 'while the store is killed',
        });
        if (grant?.state !== 'active') continue;
        kept.granted.push(grant.id);
        const over = await sallyport.ask(
          'engineer',
          'POST',
          `/api/grants/${grant.id}/done?wait=5`,
          grantSchema,
        );
        if (over.state === 'revoked') kept.returned.push(grant.id);
      } catch {
        await delay(50);
      }
    }
  };
  return Promise.all(Array.from({ length: LANES }, lane)).then(() => kept);
}

/** What was said to have happened, by the store's own rows. */
async function mustHave(sallyport: Sallyport, { granted, returned }: Acknowledged): Promise<void> {
  const client = new pg.Client({ connectionString: sallyport.storeUrl() });
  await client.connect();
  const kinds = async (kind: string) => {
    const { rows } = await client.query<{ grant_id: string }>(
      'select grant_id from audit_entries where kind = $1 and grant_id is not null',
      [kind],
    );
    return new Set(rows.map((row) => row.grant_id));
  };
  const [active, revoked] = [await kinds('grant.active'), await kinds('grant.revoked')];
  await client.end();
  assert.deepEqual(
    granted.filter((id) => !active.has(id)),
    [],
    'told to be active, and not in the log',
  );
  assert.deepEqual(
    returned.filter((id) => !revoked.has(id)),
    [],
    'told to be over, and not in the log',
  );
}

async function killUnderLoad(sallyport: Sallyport, kill: () => Promise<void>): Promise<string> {
  const all: Acknowledged = { granted: [], returned: [] };
  let slowestMs = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const stopping = new AbortController();
    const work = churn(sallyport, stopping.signal);
    await delay(700 + Math.random() * 800);
    await kill();
    const killedAt = performance.now();
    await delay(1_500);
    stopping.abort();
    const kept = await work;
    all.granted.push(...kept.granted);
    all.returned.push(...kept.returned);
    await answers(sallyport);
    await converge(sallyport, BACK_LIMIT_MS);
    slowestMs = Math.max(slowestMs, performance.now() - killedAt);
    await mustHave(sallyport, all);
  }
  assert.ok(all.granted.length > 0);
  await logVerifies(sallyport);
  return `${ROUNDS} kills, ${all.granted.length} grants and ${all.returned.length} returns acknowledged, none lost; settled within ${(slowestMs / 1000).toFixed(1)} s`;
}

async function answers(sallyport: Sallyport): Promise<void> {
  const endsAt = performance.now() + BACK_LIMIT_MS;
  let last = '';
  while (performance.now() < endsAt) {
    const answer = await sallyport.call('engineer', 'GET', '/api/grants?limit=1').catch(String);
    if (typeof answer !== 'string' && answer.status === 200) return;
    last = JSON.stringify(answer);
    await delay(100);
  }
  assert.fail(
    `the program does not answer ${BACK_LIMIT_MS / 1000} s after its store was killed: ${last}\n${sallyport.output().slice(-4_000)}`,
  );
}

describe('the store killed under load', () => {
  test('embedded', { timeout: 600_000 }, async (t) => {
    await using sallyport = await startSallyport();
    const processes = () => postgresProcessesIn(join(sallyport.dataFolder, 'store', 'data'));
    const said = await killUnderLoad(sallyport, async () => {
      for (const pid of processes()) sendSignal(pid, 'SIGKILL');
    });
    figure(t, 'store-killed', `embedded: ${said}`);
  });

  for (const version of [18, 15] as const) {
    test(`an installation's own, PostgreSQL ${version}`, {
      timeout: 600_000,
      skip: version === 15 && skipWithout('postgres15'),
    }, async (t) => {
      await using sallyport = await startLeanSallyport({
        storeVersion: version,
        storeSettings: { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' },
      });
      const said = await killUnderLoad(sallyport, async () => {
        await sallyport.store.kill();
        await sallyport.store.start();
      });
      figure(t, 'store-killed', `own ${version}: ${said}`);
    });
  }
});
