// What only a superuser can see of a login: that its password on the target is no longer the derived one.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type PostgresTarget, startPostgresTarget, TASKS } from '../../../../test/harness/postgres-target.ts';
import { planOf } from '../../conformance.ts';
import type { PostgresClient } from './client.ts';
import { postgres } from './postgres.ts';

const limit = () => AbortSignal.timeout(20_000);
let target: PostgresTarget;
let client: PostgresClient;

before(async () => {
  target = await startPostgresTarget(18, 'superuser');
  client = postgres.connect(target.access);
});
after(async () => {
  await postgres.disconnect(client);
  await target.stop();
});

test('a grant that changed its own password is told, and one that did not is not', async () => {
  const plan = planOf(TASKS.read);
  const { handle } = await postgres.grant(client, plan, limit());
  const held = [{ ...plan, handle }];
  assert.deepEqual(await postgres.altered(client, held, limit()), []);
  const session = await target.logIn(plan.login, plan.password);
  await session.query(`SET default_transaction_read_only = off`);
  await session.query(`ALTER ROLE CURRENT_USER PASSWORD 'mine'`);
  await session.end();
  const found = await postgres.altered(client, held, limit());
  assert.deepEqual(
    found.map((one) => one.alterations.map(({ kind }) => kind)),
    [['wider']],
  );
  assert.match(found[0]?.alterations[0]?.what ?? '', /password/);
  await postgres.revoke(client, handle, limit());
  assert.deepEqual(await postgres.altered(client, held, limit()), [], 'what is gone is not altered');
});

test('says of each node whether it answers, and by which clock', async () => {
  const [primary, ...others] = await postgres.nodes(client, limit());
  assert.deepEqual(others, []);
  assert.deepEqual([primary?.role, primary?.error], ['primary', null]);
  assert.ok((primary?.clockSkewSeconds ?? 9) < 5);
});
