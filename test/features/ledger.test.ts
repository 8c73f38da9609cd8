// The ledger against a real cluster, a step at a time: what each node says is kept and decides when a grant is over;
// what somebody changes by hand is noticed, told once, and never left wider than it was granted.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sql } from 'kysely';
import pg from 'pg';
import { SYSTEM_ACTOR } from '../../src/audit/append.ts';
import { Failure } from '../../src/base/errors.ts';
import { Secret } from '../../src/base/secret.ts';
import { claim } from '../../src/grants/lease.ts';
import { takeStep } from '../../src/grants/reconcile.ts';
import { grantState } from '../../src/grants/transitions.ts';
import { type LedgerWorld, startLedgerWorld } from '../harness/ledger-world.ts';
import type { TestPostgres } from '../harness/postgres.ts';
import { type PostgresTarget, startPostgresTarget, TASKS } from '../harness/postgres-target.ts';
import { skipWithout } from '../harness/services.ts';

describe('the ledger of a cluster', { skip: skipWithout('postgres15') }, () => {
  let world: LedgerWorld;
  let target: PostgresTarget;
  let standby: TestPostgres;
  let targetId: string;
  let taskId: string;

  before(async () => {
    [world, target] = await Promise.all([startLedgerWorld(), startPostgresTarget(15, 'least', 1)]);
    const [first] = target.standbys;
    assert.ok(first !== undefined);
    standby = first;
    targetId = await world.addTarget(
      'orders',
      'postgres',
      { ...target.access.settings },
      target.access.admin,
    );
    taskId = await world.addTask('read', 'postgres', { ...TASKS.read });
  });
  after(async () => {
    await world.stop();
    await target.stop();
  });

  async function active(): Promise<{ id: string; login: string; oid: number }> {
    const id = await world.intend(targetId, taskId);
    await world.step(id);
    const row = await world.see(id);
    assert.equal(grantState(row), 'active', row.last_error ?? '');
    return { id, login: row.login, oid: Number(row.handle.oid) };
  }

  /** Steps until the target says that it is over. */
  async function over(id: string): Promise<void> {
    for (let i = 0; ; i += 1) {
      await world.step(id);
      const row = await world.see(id);
      if (grantState(row) === 'revoked') return;
      assert.ok(i < 5, `${grantState(row)}: ${row.last_error}`);
    }
  }

  const nodesOf = async (id: string) =>
    ((await world.see(id)).nodes ?? []).map((one) => [one.role, one.observed]);
  const altered = async (id: string) =>
    ((await world.see(id)).altered as { kind: string }[] | null)?.map((one) => one.kind) ?? [];

  test('a standby that is down keeps the grant revoking, is named, and is believed when it is back', async () => {
    const { id } = await active();
    assert.deepEqual(await nodesOf(id), [
      ['primary', 'present'],
      ['standby', 'unknown'],
    ]);
    await standby.pause();
    await world.end(id);
    assert.equal(await world.step(id), 'failed');
    const waiting = await world.see(id);
    assert.equal(grantState(waiting), 'revoking');
    assert.match(waiting.last_error ?? '', new RegExp(`standby 127.0.0.1:${standby.port}`));
    assert.deepEqual(await nodesOf(id), [
      ['primary', 'absent'],
      ['standby', 'unknown'],
    ]);
    assert.equal((await world.told(id, 'grant.revoked')).length, 0);
    const health = await world.ctx.db.selectFrom('target_nodes').selectAll().execute();
    assert.deepEqual(health, [], 'nobody has patrolled yet');
    await world.patrol();
    const looked = await world.ctx.db.selectFrom('target_nodes').selectAll().orderBy('role').execute();
    assert.deepEqual(
      looked.map((one) => [one.role, one.last_error !== null, one.failing_since !== null]),
      [
        ['primary', false, false],
        ['standby', true, true],
      ],
    );
    await standby.start();
    await over(id);
    assert.deepEqual(await nodesOf(id), [
      ['primary', 'absent'],
      ['standby', 'absent'],
    ]);
    const [revoked] = await world.told(id, 'grant.revoked');
    assert.deepEqual(revoked?.nodes, [
      `127.0.0.1:${target.server.port}: absent`,
      `127.0.0.1:${standby.port}: absent`,
    ]);
    await world.patrol();
    const again = await world.ctx.db.selectFrom('target_nodes').selectAll().execute();
    assert.ok(again.every((one) => one.failing_since === null && one.last_contact_at !== null));
  });

  test('after a crash before the OID was kept, a standby’s session is still found', async () => {
    const { id, login, oid } = await active();
    const plan = { login, grantId: id };
    const replica = new pg.Client(standby.url('app'));
    await replica.connect();
    for (;;) {
      const { rowCount } = await replica.query('select 1 from pg_roles where oid = $1', [oid]);
      if (rowCount === 1) break;
    }
    // As the worker left it that died between the target and the store.
    await world.ctx.db
      .updateTable('grants')
      .set({ handle: JSON.stringify(plan), observed: 'unknown' })
      .where('id', '=', id)
      .execute();
    await replica.query('select pg_wal_replay_pause()');
    await world.end(id);
    assert.equal(await world.step(id), 'failed');
    assert.equal(Number((await world.see(id)).handle.oid), oid, 'what only the target knew is kept');
    assert.match((await world.see(id)).last_error ?? '', /replay is paused/);
    await replica.query('select pg_wal_replay_resume()');
    await over(id);
    await replica.end();
  });

  test('a worker that comes late writes nothing over what is newer, of the nodes neither', async () => {
    const { id } = await active();
    await world.end(id);
    const late = await claim(world.ctx.db, id, 'another run');
    assert.ok(late !== undefined);
    // Its lease ran out, and another took the step.
    await world.ctx.db
      .updateTable('grants')
      .set({ lease_until: null, version: late.version + 1 })
      .where('id', '=', id)
      .execute();
    assert.equal(await takeStep(world.ctx, late, AbortSignal.timeout(20_000)), 'again');
    assert.equal(grantState(await world.see(id)), 'revoking');
    assert.equal((await world.told(id, 'grant.revoked')).length, 0);
    assert.deepEqual(await nodesOf(id), [
      ['primary', 'present'],
      ['standby', 'unknown'],
    ]);
    await over(id);
    assert.equal((await world.told(id, 'grant.revoked')).length, 1);
  });

  const WIDER: [string, (login: string) => string, RegExp][] = [
    ['a membership', (login) => `GRANT pg_read_all_data TO ${login}`, /member of pg_read_all_data/],
    ['a power', (login) => `ALTER ROLE ${login} CREATEDB`, /SUPERUSER, CREATEROLE or another/],
    ['a right of its own', (login) => `GRANT SELECT ON public.customers TO ${login}`, /rights of its own/],
    ['others in it', (login) => `GRANT ${login} TO dba`, /Others were made members.*dba/],
    ['another name', (login) => `ALTER ROLE ${login} RENAME TO ${login}_x`, /renamed/],
  ];
  for (const [what, change, says] of WIDER) {
    test(`${what} that was added by hand ends the grant, and is told once`, async () => {
      const { id, login, oid } = await active();
      await target.superuser.query(change(login));
      await world.patrol();
      const ending = await world.see(id);
      assert.equal(ending.end_reason, 'account-altered');
      const told = await world.told(id, 'grant.altered');
      assert.equal(told.length, 1);
      assert.match(String(told[0]?.what), says);
      await world.patrol();
      assert.equal((await world.told(id, 'grant.altered')).length, 1);
      assert.equal((await world.told(id, 'grant.orphan-removed')).length, 0);
      await world.step(id);
      const row = await world.see(id);
      // What another owner gave only that owner can take away: it says how.
      if (grantState(row) === 'cleanup-pending') {
        const sql = /REVOKE [^;]*;/.exec(row.last_error ?? '')?.[0];
        assert.ok(sql !== undefined, row.last_error ?? '');
        await target.superuser.query(sql);
      }
      await over(id);
      const left = await target.superuser.query('select 1 from pg_roles where oid = $1', [oid]);
      assert.equal(left.rowCount, 0);
    });
  }

  test('less than was granted is told and left as it is', async () => {
    const { id, login } = await active();
    await target.superuser.query(`ALTER ROLE ${login} NOLOGIN`);
    await world.patrol();
    await world.patrol();
    assert.equal(grantState(await world.see(id)), 'active');
    assert.deepEqual(await altered(id), ['narrower']);
    assert.equal((await world.told(id, 'grant.altered')).length, 1);
    await target.superuser.query(`ALTER ROLE ${login} LOGIN`);
    await world.patrol();
    assert.deepEqual(await altered(id), []);
    await world.end(id);
    await over(id);
  });

  test('the mark and the target’s own expiry are put right', async () => {
    const { id, login, oid } = await active();
    const now = async () =>
      (
        await target.superuser.query(
          `select rolvaliduntil < now() + interval '2 hours' as bounded, shobj_description(oid, 'pg_authid') as mark
           from pg_roles where oid = $1`,
          [oid],
        )
      ).rows[0];
    assert.equal((await now()).bounded, true);
    await target.superuser.query(
      `ALTER ROLE ${login} VALID UNTIL 'infinity'; COMMENT ON ROLE ${login} IS NULL`,
    );
    await world.patrol();
    assert.equal((await now()).bounded, false, 'seen once it may be an extension under way');
    await world.patrol();
    assert.equal((await now()).bounded, true);
    assert.match((await now()).mark, new RegExp(id));
    assert.equal(grantState(await world.see(id)), 'active');
    assert.equal((await world.told(id, 'grant.altered')).length, 1);
    await world.patrol();
    assert.deepEqual(await altered(id), []);
    assert.equal((await world.told(id, 'grant.altered')).length, 1);
    await world.end(id);
    await over(id);
  });

  test('another installation’s mark in place of ours: not touched, and never said to be gone', async () => {
    const { id, login } = await active();
    await target.superuser.query(
      `COMMENT ON ROLE ${login} IS 'sallyport:{"installation":"ins_other","epoch":1,"grant":"${id}"}'`,
    );
    await world.patrol();
    assert.equal((await world.see(id)).end_reason, 'account-altered');
    await world.step(id);
    const row = await world.see(id);
    assert.equal(grantState(row), 'revoking');
    assert.match(row.last_error ?? '', new RegExp(`COMMENT ON ROLE "${login}" IS NULL`));
    await target.superuser.query(`COMMENT ON ROLE ${login} IS NULL`);
    await over(id);
  });

  test('a role of the task that was widened: rights are taken back and told, a membership ends the grants', async () => {
    const { id, oid } = await active();
    // What was found is believed for five minutes; a new client of the target believes nothing.
    const forget = () =>
      world.ctx.targets.update(targetId, {
        settings: { ...target.access.settings },
        admin: target.access.admin,
      });
    const group = (
      await target.superuser.query(
        'select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.roleid where m.member = $1',
        [oid],
      )
    ).rows[0].rolname;
    await target.superuser.query(
      `SET ROLE ${target.access.admin.user}; GRANT INSERT ON public.orders TO ${group}; RESET ROLE`,
    );
    await forget();
    await world.patrol();
    assert.match(
      String((await world.told(id, 'grant.altered'))[0]?.what),
      /INSERT on .*orders; that was taken back/,
    );
    assert.equal(grantState(await world.see(id)), 'active');
    const may = await target.superuser.query(
      `select has_table_privilege('${group}', 'public.orders', 'INSERT') as may`,
    );
    assert.equal(may.rows[0].may, false);
    await target.superuser.query(`GRANT pg_monitor TO ${group}`);
    await forget();
    await world.patrol();
    assert.equal((await world.see(id)).end_reason, 'account-altered');
    assert.match(String((await world.told(id, 'grant.altered'))[1]?.what), /member of pg_monitor/);
    await target.superuser.query(`REVOKE pg_monitor FROM ${group}`);
    await over(id);
  });

  test('a mark that was copied to another role makes that one an orphan, and leaves the grant whole', async () => {
    const { id, oid } = await active();
    await target.superuser.query(`CREATE ROLE copied LOGIN;
      DO $$ BEGIN EXECUTE format('COMMENT ON ROLE copied IS %L', shobj_description(${oid}, 'pg_authid')); END $$`);
    await world.patrol();
    assert.equal(grantState(await world.see(id)), 'active');
    const copied = await target.superuser.query(
      `select 1 from pg_roles where rolname = 'copied' and rolcanlogin`,
    );
    assert.equal(copied.rowCount, 0);
    await world.end(id);
    await over(id);
  });

  describe('an administrator whose password was changed while grants are live', () => {
    const { user, password } = { user: 'sallyport_admin', password: new Secret('another-password') };
    const signal = () => AbortSignal.timeout(20_000);
    const by = { actor: SYSTEM_ACTOR };
    const change = async (admin: { user: string; password: Secret }) =>
      world.ctx.targets.change(await world.ctx.targets.byId(targetId), { admin }, by, signal());
    let id: string;

    before(async () => {
      ({ id } = await active());
      await target.superuser.query(`ALTER ROLE ${user} PASSWORD '${password.reveal()}'`);
      await target.superuser.query(
        `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '${user}'`,
      );
      await world.end(id);
    });

    test('the revocation fails and says why, and is overdue', async () => {
      assert.equal(await world.step(id), 'failed');
      await world.ctx.db
        .updateTable('grants')
        .set({ ended_at: new Date(Date.now() - 61_000) })
        .where('id', '=', id)
        .execute();
      const row = await world.see(id);
      assert.equal(row.overdue, true);
      assert.match(row.last_error ?? '', /password/);
      await world.patrol();
      const primary = await world.ctx.db
        .selectFrom('target_nodes')
        .selectAll()
        .where('role', '=', 'primary')
        .executeTakeFirstOrThrow();
      assert.notEqual(primary.failing_since, null);
      assert.match(primary.last_error ?? '', /password/);
    });

    test('one that does not work is not stored', async () => {
      const version = (await world.ctx.targets.byId(targetId)).version;
      const refused = (field: string, says: RegExp) => (error: unknown) =>
        error instanceof Failure &&
        error.code === 'target-refused' &&
        error.field === field &&
        says.test(error.message);
      await assert.rejects(change({ user, password: new Secret('guess') }), refused('password', /password/));
      await assert.rejects(change({ user: 'nobody', password }), refused('password', /password|log in/));
      await target.superuser.query("CREATE ROLE weak LOGIN PASSWORD 'weak'");
      await assert.rejects(
        change({ user: 'weak', password: new Secret('weak') }),
        refused('password', /may not make roles/),
      );
      assert.equal((await world.ctx.targets.byId(targetId)).version, version);
    });

    test('with the new one it goes on at once, and the log names no password', async () => {
      const report = await change({ user, password });
      assert.equal(report.ok, true, JSON.stringify(report));
      const row = await world.see(id);
      assert.ok(row.next_attempt_at.getTime() <= Date.now() + 100);
      await over(id);
      const { rows } = await sql<{ leaf: string }>`
        select leaf from audit_entries where kind = 'target.credential-changed'`.execute(world.ctx.db);
      assert.equal(rows.length, 1);
      assert.equal(rows[0]?.leaf.includes(password.reveal()), false);
    });

    test('settings that lead to another server are refused while grants are live', async () => {
      const live = await active();
      const other = await startPostgresTarget(18);
      try {
        await other.superuser.query(`ALTER ROLE ${user} PASSWORD '${password.reveal()}'`);
        const row = await world.ctx.targets.byId(targetId);
        const stranger = { ...row.settings, nodes: [{ host: '127.0.0.1', port: other.server.port }] };
        await assert.rejects(
          world.ctx.targets.change(row, { settings: stranger }, by, signal()),
          (error) =>
            error instanceof Failure &&
            error.code === 'target-refused' &&
            /another cluster/.test(error.message),
        );
        const moved = { ...row.settings, port: other.server.port, nodes: [] };
        await assert.rejects(
          world.ctx.targets.change(row, { settings: moved }, by, signal()),
          (error) => error instanceof Failure && error.code === 'target-differs',
        );
        await assert.rejects(
          world.ctx.targets.change(
            row,
            { settings: { ...row.settings, nodes: [{ host: '-' }] } },
            by,
            signal(),
          ),
          (error) => error instanceof Failure && error.field === 'settings.nodes.0.host',
        );
        const alone = await world.ctx.targets.change(
          row,
          { settings: { ...row.settings, nodes: [] } },
          by,
          signal(),
        );
        assert.equal(alone.items.find((item) => item.name === 'standbys')?.status, 'warn');
        assert.deepEqual(await nodesOf(live.id), [['primary', 'present']]);
        await world.end(live.id);
        await over(live.id);
      } finally {
        await other.stop();
      }
    });
  });
});
