// Ending what is ending or gone: whoever comes first, it is one effect and one entry each for the end and for the
// absence.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { type Grant, grant as grantSchema } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { converge, logVerifies } from '../harness/convergence.ts';
import { figure } from '../harness/figure.ts';
import { type LeanSallyport, startLeanSallyport } from '../harness/lean-sallyport.ts';

const ROUNDS = 20;

let sallyport: LeanSallyport;
before(async () => {
  sallyport = await startLeanSallyport();
});
after(() => sallyport?.[Symbol.asyncDispose]());

async function active(): Promise<Grant> {
  const { grant } = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, {
    target: 'orders-db',
    task: 'read-orders',
    duration: '10m',
    reason: 'to be ended twice',
  });
  assert.equal(grant?.state, 'active');
  return grant;
}

async function ask<R extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(text, values)).rows;
  } finally {
    await client.end();
  }
}

async function entriesOf(grantId: string): Promise<Record<string, number>> {
  const rows = await ask<{ kind: string; count: number }>(
    sallyport.storeUrl(),
    'select kind, count(*)::int as count from audit_entries where grant_id = $1 group by kind',
    [grantId],
  );
  return Object.fromEntries(rows.map(({ kind, count }) => [kind, count]));
}

const ONCE = { 'grant.intended': 1, 'grant.active': 1, 'grant.ending': 1, 'grant.revoked': 1 };

test('returned and revoked at the same moment, many times over', async (t) => {
  for (let round = 0; round < ROUNDS; round++) {
    const { id } = await active();
    const answers = await Promise.all([
      sallyport.call('engineer', 'POST', `/api/grants/${id}/done?wait=20`),
      sallyport.call('admin', 'POST', `/api/grants/${id}/revoke?wait=20`, { reason: 'the same moment' }),
      sallyport.call('engineer', 'POST', `/api/grants/${id}/done?wait=20`),
    ]);
    for (const { status, body } of answers) assert.ok(status < 500, JSON.stringify(body));
    await converge(sallyport);
    assert.deepEqual(await entriesOf(id), ONCE);
  }
  figure(t, 'twice', `${ROUNDS} × three at once: one end and one absence in the log each time`);
  await logVerifies(sallyport);
});

test('the account is gone from the target by the time it is given back', async () => {
  const { id, login } = await active();
  await ask(sallyport.adminUrl(), `drop role ${login}`);
  const over = await sallyport.ask('engineer', 'POST', `/api/grants/${id}/done?wait=20`, grantSchema);
  assert.equal(over.state, 'revoked');
  assert.deepEqual(await entriesOf(id), ONCE);
});
