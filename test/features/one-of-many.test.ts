// What goes wrong with one grant or one identity is no other's: ends that are written together, and the patrol of a
// target, against a real PostgreSQL and the real store.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { SYSTEM_ACTOR } from '../../src/audit/append.ts';
import type { Handle } from '../../src/connectors/contract.ts';
import { claim, type StepGrant } from '../../src/grants/lease.ts';
import { targetPassword } from '../../src/grants/plan.ts';
import { settleEnd } from '../../src/grants/settle-ends.ts';
import { grantState } from '../../src/grants/transitions.ts';
import { type LedgerWorld, startLedgerWorld } from '../harness/ledger-world.ts';
import { type PostgresTarget, startPostgresTarget, TASKS } from '../harness/postgres-target.ts';

describe('one of many', () => {
  let world: LedgerWorld;
  let target: PostgresTarget;
  let targetId: string;
  let taskId: string;

  before(async () => {
    [world, target] = await Promise.all([startLedgerWorld(), startPostgresTarget(18)]);
    const { settings, admin } = target.access;
    targetId = await world.addTarget('orders', 'postgres', { ...settings }, admin);
    taskId = await world.addTask('read', 'postgres', { ...TASKS.read });
  });
  after(async () => {
    await world.stop();
    await target.stop();
  });

  async function active(task = taskId) {
    const id = await world.intend(targetId, task);
    await world.step(id);
    const row = await world.see(id);
    assert.equal(grantState(row), 'active', row.last_error ?? '');
    return row;
  }

  test('what a target says without end does not keep the end from being written', async () => {
    const row = await active(await world.addTask('make', 'postgres', { ...TASKS.make }));
    const session = await target.logIn(row.login, targetPassword(world.ctx.masterKey, row));
    const type = `work."${'t'.repeat(60)}"`;
    await session.query(`CREATE TYPE ${type} AS (n int)`);
    const types = Array.from({ length: 100 }, () => type).join(', ');
    for (let n = 0; n < 19; n += 1)
      await session.query(`CREATE FUNCTION work.f${n}(${types}) RETURNS int LANGUAGE sql AS 'SELECT 1'`);
    await session.end();
    await world.end(row.id);
    await world.step(row.id);
    const ended = await world.see(row.id);
    assert.equal(grantState(ended), 'revoked', ended.last_error ?? '');
    const [told] = await world.told(row.id, 'grant.revoked');
    const lines = told?.leftBehind as string[];
    assert.ok(lines.length === 20 && lines.every((line) => line.length <= 301), `${lines.length}`);
  });

  test('an end that cannot be written leaves the others that are written with it', async () => {
    const claimed: StepGrant[] = [];
    for (let n = 0; n < 3; n += 1) {
      const { id } = await active();
      await world.end(id);
      const row = await claim(world.ctx.db, id, world.ctx.run);
      assert.ok(row !== undefined);
      claimed.push(row);
    }
    // The first is on its way at once; the other two go together.
    const settled = await Promise.allSettled(
      claimed.map((row, n) => {
        const detail = { said: 'x'.repeat(n === 1 ? 70_000 : 1) };
        return settleEnd(world.ctx.db, {
          ...{ row, handle: row.handle as Handle, report: {}, nodes: undefined },
          ...{ observed: 'absent', retryMs: 0, lastError: null },
          entry: { kind: 'grant.revoked', actor: SYSTEM_ACTOR, grantId: row.id, detail },
        });
      }),
    );
    assert.deepEqual(
      settled.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
  });
});
