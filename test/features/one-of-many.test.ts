// What goes wrong with one grant or one identity is no other's: ends that are written together, and the patrol of a
// target, against a real PostgreSQL and the real store.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { SYSTEM_ACTOR } from '../../src/audit/append.ts';
import type { Handle, NodeReport } from '../../src/connectors/contract.ts';
import { patrolAlterations } from '../../src/grants/alterations.ts';
import { claim, type StepGrant } from '../../src/grants/lease.ts';
import { targetPassword } from '../../src/grants/plan.ts';
import { settleEnd } from '../../src/grants/settle-ends.ts';
import { grantState } from '../../src/grants/transitions.ts';
import { createGrantWorker } from '../../src/grants/worker.ts';
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

  async function active(task = taskId, on = targetId) {
    const id = await world.intend(on, task);
    await world.step(id);
    const row = await world.see(id);
    assert.equal(grantState(row), 'active', row.last_error ?? '');
    return row;
  }

  /** Ended, and in our hands. */
  async function ending(): Promise<StepGrant> {
    const { id } = await active();
    await world.end(id);
    const row = await claim(world.ctx.db, id, world.ctx.run);
    assert.ok(row !== undefined);
    return row;
  }

  /** The target says that it is gone. */
  const gone = (row: StepGrant, said: string, nodes?: NodeReport[]) =>
    settleEnd(world.ctx.db, {
      ...{ row, handle: row.handle as Handle, report: {}, nodes },
      ...{ observed: 'absent', retryMs: 0, lastError: null },
      entry: { kind: 'grant.revoked', actor: SYSTEM_ACTOR, grantId: row.id, detail: { said } },
    });

  /** More grants like this one, before it in order, that are only in the store. */
  async function copies(id: string, count: number): Promise<void> {
    await sql`delete from grants where length(id) < 12`.execute(world.ctx.db);
    await sql`delete from requests where length(id) < 12`.execute(world.ctx.db);
    await sql`insert into requests select c.* from grants g join requests r on r.id = g.request_id, generate_series(1, ${count}::int) n,
      jsonb_populate_record(r, jsonb_build_object('id', 'req_0' || n)) c where g.id = ${id}`.execute(
      world.ctx.db,
    );
    await sql`insert into grants select c.* from grants g, generate_series(1, ${count}::int) n, jsonb_populate_record(g,
        jsonb_build_object('id', 'grt_0' || n, 'request_id', 'req_0' || n, 'login', 'sp_0' || n,
          'handle', jsonb_build_object('login', 'sp_0' || n, 'grantId', 'grt_0' || n))) c
      where g.id = ${id}`.execute(world.ctx.db);
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
    const [first, long, last] = [await ending(), await ending(), await ending()];
    // The first is on its way at once; the other two go together.
    const settled = await Promise.allSettled([
      gone(first, 'x'),
      gone(long, 'x'.repeat(70_000)),
      gone(last, 'x'),
    ]);
    assert.deepEqual(
      settled.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
  });

  test('a node’s long word is cut between characters', async () => {
    const error = `${'x'.repeat(499)}😀`;
    const settled = await gone(await ending(), 'x', [
      { node: 'one', role: 'primary', observed: 'absent', error },
    ]);
    assert.equal(settled?.observed, 'absent');
  });

  test('an orphan that may not be touched keeps the patrol from nothing else', async () => {
    const { id, login } = await active();
    const gone = await active();
    await target.superuser.query(`CREATE ROLE sp_orphan LOGIN;
      DO $$ BEGIN EXECUTE format('COMMENT ON ROLE sp_orphan IS %L', replace(
        shobj_description('${login}'::regrole, 'pg_authid'), '${id}', 'grt_of_nobody')); END $$;
      GRANT pg_monitor TO ${login}; DROP ROLE ${gone.login}`);
    await world.patrol();
    assert.equal((await world.see(id)).end_reason, 'account-altered');
    assert.equal((await world.see(gone.id)).end_reason, 'account-vanished');
    await target.superuser.query('DROP ROLE sp_orphan');
  });

  test('an orphan that waits for somebody else is told once, not in every patrol', async () => {
    const { id, login } = await active();
    await target.superuser.query(`GRANT CREATE ON SCHEMA public TO ${login}`);
    await sql`update grants set wanted = 'absent', observed = 'absent', end_reason = 'revoked' where id = ${id}`.execute(
      world.ctx.db,
    );
    for (let n = 0; n < 3; n += 1) await world.patrol();
    const told = await world.ctx.db
      .selectFrom('audit_entries')
      .select('leaf')
      .where('kind', '=', 'grant.orphan-removed')
      .where('leaf', 'like', `%${login}%`)
      .execute();
    assert.equal(told.length, 1);
    assert.match(told[0]?.leaf ?? '', /rights on schema public/);
    await target.superuser.query(`REVOKE CREATE ON SCHEMA public FROM ${login}`);
    await world.patrol();
    const { rowCount } = await target.superuser.query(`SELECT FROM pg_roles WHERE rolname = '${login}'`);
    assert.equal(rowCount, 0);
  });

  test('an identity that cannot be put right keeps the patrol from no other', async () => {
    const shut = await active();
    const wider = await active();
    await target.superuser.query(`ALTER ROLE ${shut.login} NOLOGIN; COMMENT ON ROLE ${shut.login} IS NULL`);
    await world.patrol();
    await target.superuser.query(`GRANT pg_monitor TO ${wider.login}`);
    await world.patrol();
    assert.equal((await world.see(wider.id)).end_reason, 'account-altered');
    assert.equal(grantState(await world.see(shut.id)), 'active');
  });

  test('of thousands on a target, each is compared with what was granted', async () => {
    const { id, login } = await active();
    await target.superuser.query(`GRANT pg_monitor TO ${login}`);
    await copies(id, 2_000);
    const client = await world.ctx.targets.open(targetId);
    await patrolAlterations(world.ctx, targetId, client, AbortSignal.timeout(20_000));
    assert.equal((await world.see(id)).end_reason, 'account-altered');
  });

  test('a login that was given a thousand rights by hand is ended, and the entry says of some', async () => {
    const { id, login } = await active();
    await target.superuser.query(`DO $$ BEGIN FOR n IN 1..1000 LOOP
      EXECUTE format('CREATE ROLE %I', 'given_' || n || repeat('x', 50));
      EXECUTE format('GRANT %I TO ${login}', 'given_' || n || repeat('x', 50));
    END LOOP; END $$`);
    const client = await world.ctx.targets.open(targetId);
    await patrolAlterations(world.ctx, targetId, client, AbortSignal.timeout(20_000));
    const row = await world.see(id);
    assert.equal(row.end_reason, 'account-altered');
    assert.equal((await world.told(id, 'grant.altered')).length, 1);
  });

  test('a target with thousands of steps hides no other target’s few', async () => {
    const { settings, admin } = target.access;
    const few = await world.addTarget('few', 'postgres', { ...settings }, admin);
    const ids: string[] = [];
    while (ids.length < 5) ids.push((await active(taskId, few)).id);
    await copies((await active()).id, 8_000);
    await sql`update grants set wanted = 'absent', end_reason = 'revoked', ended_at = now(),
      next_attempt_at = now() - interval '1 minute' where length(id) < 12`.execute(world.ctx.db);
    const left = async () => {
      const { rows } = await sql<{ n: number }>`select count(*)::int as n from grants
        where observed <> 'absent' and length(id) < 12`.execute(world.ctx.db);
      return rows[0]?.n ?? 0;
    };
    // It answers at once, and so is never full when somebody looks.
    const open: typeof world.ctx.targets.open = async (at, version) => {
      const client = await world.ctx.targets.open(at, version);
      const revoke: typeof client.revoke = async (handle) => ({
        ...{ observed: 'absent', handle, sessionsEnded: 0, blockers: [], leftBehind: [] },
      });
      return at === few ? client : { ...client, revoke };
    };
    const worker = createGrantWorker({ ...world.ctx, targets: { ...world.ctx.targets, open } });
    worker.start();
    // While a program is cold it begins few steps, whose target is then full and left out.
    await delay(3_500);
    let most = 0;
    for (const id of ids) {
      const before = await left();
      await world.end(id);
      while (grantState(await world.see(id)) !== 'revoked') await delay(20);
      most = Math.max(most, before - (await left()));
    }
    const after = await left();
    await worker.stop();
    assert.ok(after > 0 && most < 2_000, `up to ${most} went before one, ${after} are left`);
  });
});
