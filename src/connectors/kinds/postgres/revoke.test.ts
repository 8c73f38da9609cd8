// lifecycle.md's facts about ending access on PostgreSQL, each on a real server: whatever a session did, it is ended,
// the login is inert within 5 s, nothing is destroyed, and absence is by OID.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import {
  MARK,
  type PostgresTarget,
  startPostgresTarget,
  TASKS,
} from '../../../../test/harness/postgres-target.ts';
import { skipWithout } from '../../../../test/harness/services.ts';
import { planOf } from '../../conformance.ts';
import type { Handle, RevokeReport } from '../../contract.ts';
import type { PostgresClient } from './client.ts';
import type { Entitlement } from './entitlement.ts';
import { quarantineName } from './names.ts';
import { postgres } from './postgres.ts';

const INERT_LIMIT_MS = 5_000;
const limit = () => AbortSignal.timeout(20_000);

for (const version of [18, 15] as const) {
  const skip = version === 15 ? skipWithout('postgres15') : false;
  describe(`PostgreSQL ${version}: revocation`, { skip }, () => {
    let target: PostgresTarget;
    let client: PostgresClient;
    before(async () => {
      target = await startPostgresTarget(version);
      client = postgres.connect(target.access);
    });
    after(async () => {
      await postgres.disconnect(client);
      await target.stop();
    });

    async function granted(task: Entitlement) {
      const plan = planOf(task);
      const { handle } = await postgres.grant(client, plan, limit());
      return {
        plan,
        handle,
        oid: Number(handle.oid),
        session: () => target.logIn(plan.login, plan.password),
      };
    }

    async function timedRevoke(handle: Handle): Promise<RevokeReport> {
      const startedAt = performance.now();
      const report = await postgres.revoke(client, handle, limit());
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs < INERT_LIMIT_MS, `took ${tookMs} ms`);
      return report;
    }

    async function traces(oid: number): Promise<string[]> {
      const { rows } = await target.superuser.query(
        `SELECT 'role' AS what FROM pg_authid WHERE oid = $1 UNION ALL
         SELECT 'session' FROM pg_stat_activity WHERE usesysid = $1 UNION ALL
         SELECT 'membership' FROM pg_auth_members WHERE member = $1 OR roleid = $1 UNION ALL
         SELECT 'setting' FROM pg_db_role_setting WHERE setrole = $1 UNION ALL
         SELECT 'dependency' FROM pg_shdepend WHERE refobjid = $1 AND refclassid = 'pg_authid'::regclass`,
        [oid],
      );
      return rows.map((row) => String(row.what));
    }

    async function cutOff(session: pg.Client): Promise<void> {
      await assert.rejects(session.query('SELECT 1'));
      await session.end();
    }

    it('ends idle, busy, open-cursor, in-transaction and SET ROLE sessions', async () => {
      const { handle, oid, session } = await granted(TASKS.fix);
      const [idle, busy, cursor, inTransaction] = await Promise.all([
        session(),
        session(),
        session(),
        session(),
      ]);
      const asleep = assert.rejects(busy.query('SELECT pg_sleep(60)'));
      await cursor.query('BEGIN; DECLARE c CURSOR FOR SELECT * FROM public.orders');
      await cursor.query('FETCH 5 FROM c');
      await inTransaction.query(`BEGIN; UPDATE public.orders SET status = 'changed' WHERE id = 1`);
      const report = await timedRevoke(handle);
      assert.equal(report.observed, 'absent');
      assert.equal(report.sessionsEnded, 4);
      await asleep;
      for (const one of [idle, busy, inTransaction]) await cutOff(one);
      await assert.rejects(cursor.query('FETCH 5 FROM c'));
      await cursor.end();
      assert.deepEqual(await traces(oid), []);
      const { rows } = await target.superuser.query('SELECT status FROM public.orders WHERE id = 1');
      assert.equal(rows[0].status, 'new');
    });

    it('ends a session that had done SET ROLE to the owner', async () => {
      const { handle, oid, session } = await granted(TASKS.own);
      const acting = await session();
      const { rows } = await acting.query('SELECT current_user, session_user');
      assert.equal(rows[0].current_user, 'app_owner');
      const report = await timedRevoke(handle);
      assert.equal(report.observed, 'absent');
      assert.equal(report.sessionsEnded, 1);
      await cutOff(acting);
      assert.deepEqual(await traces(oid), []);
    });

    it('ends a session whose role was dropped by hand, by its OID', async () => {
      const { handle, oid, session } = await granted(TASKS.read);
      const left = await session();
      await target.superuser.query(`DROP ROLE ${String(handle.login)}`);
      assert.equal((await left.query('SELECT 1 AS still')).rows[0].still, 1);
      assert.equal((await postgres.inspect(client, handle, limit())).observed, 'inert');
      const report = await timedRevoke(handle);
      assert.equal(report.observed, 'absent');
      assert.equal(report.sessionsEnded, 1);
      await cutOff(left);
      assert.deepEqual(await traces(oid), []);
      assert.equal((await postgres.inspect(client, handle, limit())).observed, 'absent');
    });

    it('finds a late starter, which no absence check could see, with sweep', async () => {
      const { handle, oid, plan } = await granted(TASKS.own);
      // It has authenticated, acts as the owner already, and waits before it can be seen (lifecycle.md).
      const late = target.logIn(plan.login, plan.password, { options: '-c post_auth_delay=3' });
      await pause(1_000);
      const report = await timedRevoke(handle);
      assert.deepEqual([report.observed, report.sessionsEnded], ['absent', 0]);
      assert.deepEqual(await traces(oid), []);
      const session = await late;
      assert.equal((await session.query('SELECT count(*)::int AS n FROM public.customers')).rows[0].n, 0);
      assert.deepEqual(await traces(oid), ['session']);
      assert.deepEqual(await postgres.sweep(client, [handle], limit()), [{ handle, ended: 1 }]);
      await pause(200);
      await cutOff(session);
      assert.deepEqual(await traces(oid), []);
    });

    it('stays inert while a lock on the role is held, says by whom, and drops it when the lock is gone', async () => {
      const { handle, oid } = await granted(TASKS.read);
      const login = String(handle.login);
      const other = await target.logIn('dba', { reveal: () => 'dba' } as never);
      await target.superuser.query(`GRANT ${login} TO dba WITH ADMIN OPTION`);
      await other.query('BEGIN');
      await other.query(`COMMENT ON ROLE ${login} IS 'a look by hand'`);
      const { rows } = await other.query('SELECT pg_backend_pid() AS pid');
      const report = await timedRevoke(handle);
      assert.equal(report.observed, 'inert');
      assert.ok(
        report.blockers.some((line) => line.includes(String(rows[0].pid))),
        report.blockers.join(),
      );
      assert.equal((await postgres.inspect(client, report.handle, limit())).observed, 'inert');
      await other.query('ROLLBACK');
      assert.equal((await timedRevoke(report.handle)).observed, 'absent');
      assert.deepEqual(await traces(oid), []);
      await other.end();
    });

    it('hands what the grant made to a role that can do nothing, and destroys nothing', async () => {
      const { handle, oid, session } = await granted(TASKS.make);
      const maker = await session();
      await maker.query('CREATE TABLE work.findings AS SELECT * FROM public.orders LIMIT 10');
      await maker.query(
        `CREATE FUNCTION work.count_them() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM work.findings'`,
      );
      await maker.query('ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC');
      const { rows: blob } = await maker.query('SELECT lo_from_bytea(0, $1) AS id', [Buffer.from('kept')]);
      const report = await timedRevoke(handle);
      assert.equal(report.observed, 'absent', report.blockers.join('\n'));
      assert.deepEqual(await traces(oid), []);
      const keeper = quarantineName(MARK);
      for (const what of ['table work.findings', 'function work.count_them()', 'large object'])
        assert.ok(
          report.leftBehind.some((line) => line.startsWith(what) && line.includes(keeper)),
          what,
        );
      const { rows } = await target.superuser.query(
        `SELECT (SELECT count(*) FROM work.findings)::int AS kept, lo_get($1) AS blob,
           (SELECT relowner::regrole::text FROM pg_class WHERE oid = 'work.findings'::regclass) AS owner,
           (SELECT rolcanlogin FROM pg_roles WHERE rolname = $2) AS can_login,
           has_schema_privilege($2, 'work', 'CREATE') AS can_create`,
        [blob[0].id, keeper],
      );
      assert.deepEqual(rows[0], {
        kept: 10,
        blob: Buffer.from('kept'),
        owner: keeper,
        can_login: false,
        can_create: false,
      });
      const { rows: members } = await target.superuser.query(
        `SELECT count(*)::int AS open FROM pg_auth_members m WHERE roleid = $1::regrole
         AND coalesce((to_jsonb(m) ->> 'inherit_option')::bool, true)`,
        [keeper],
      );
      assert.equal(members[0].open, 0);
      await cutOff(maker);
    });

    it('leaves a login inert whose table somebody reads, says who, and finishes later', async () => {
      const { handle, oid, session } = await granted(TASKS.make);
      const maker = await session();
      await maker.query('CREATE TABLE work.busy (n int)');
      await target.superuser.query('BEGIN; SELECT * FROM work.busy');
      const report = await timedRevoke(handle);
      await target.superuser.query('COMMIT');
      assert.equal(report.observed, 'inert');
      assert.ok(
        report.blockers.some((line) => /^Session \d+ of postgres/.test(line)),
        report.blockers.join('\n'),
      );
      await cutOff(maker);
      const later = await timedRevoke(report.handle);
      assert.equal(later.observed, 'absent', later.blockers.join('\n'));
      assert.deepEqual(await traces(oid), []);
      const { rows } = await target.superuser.query(`SELECT to_regclass('work.busy') IS NOT NULL AS kept`);
      assert.equal(rows[0].kept, true);
    });

    it("shuts the door and ends sessions also while somebody's open transaction holds the membership", async () => {
      const { plan, handle, oid, session } = await granted(TASKS.read);
      const reader = await session();
      await target.superuser.query('BEGIN');
      await target.superuser.query(
        `UPDATE pg_auth_members SET admin_option = admin_option WHERE member = ${oid}`,
      );
      const report = await timedRevoke(handle);
      const { rows } = await target.superuser.query(`SELECT rolcanlogin FROM pg_authid WHERE oid = ${oid}`);
      await target.superuser.query('ROLLBACK');
      assert.equal(rows[0].rolcanlogin, false);
      assert.notEqual(report.observed, 'absent');
      assert.ok(report.blockers.length > 0);
      await cutOff(reader);
      await assert.rejects(target.logIn(plan.login, plan.password));
      const later = await timedRevoke(report.handle);
      assert.equal(later.observed, 'absent', later.blockers.join('\n'));
      assert.deepEqual(await traces(oid), []);
    });

    it('leaves a login inert to which somebody else gave rights, with the SQL, and finishes later', async () => {
      const { handle, oid } = await granted(TASKS.read);
      const login = String(handle.login);
      await target.superuser.query(
        `SET ROLE app_owner; GRANT SELECT ON public.customers TO ${login}; RESET ROLE`,
      );
      const report = await timedRevoke(handle);
      assert.equal(report.observed, 'inert');
      const blocker = report.blockers.find((line) => line.includes('public.customers'));
      assert.match(
        blocker ?? '',
        /REVOKE ALL ON TABLE public\.customers FROM "sp_[a-z0-9]+"; \(as app_owner\)/,
      );
      assert.equal((await postgres.inspect(client, report.handle, limit())).observed, 'inert');
      await target.superuser.query(/REVOKE [^;]+;/.exec(blocker ?? '')?.[0] ?? '');
      assert.equal((await timedRevoke(report.handle)).observed, 'absent');
      assert.deepEqual(await traces(oid), []);
    });

    it('ends sessions also where the login itself is out of reach, and says so', async () => {
      const { handle, session } = await granted(TASKS.read);
      const open = await session();
      await target.superuser.query(`ALTER ROLE ${target.access.admin.user} NOCREATEROLE`);
      await assert.rejects(timedRevoke(handle), { code: 'target-right-missing' });
      await cutOff(open);
      await target.superuser.query(`ALTER ROLE ${target.access.admin.user} CREATEROLE`);
      assert.equal((await timedRevoke(handle)).observed, 'absent');
    });

    it('takes away a membership that somebody else gave', async () => {
      const { handle, oid } = await granted(TASKS.read);
      await target.superuser.query(`GRANT app_owner TO ${String(handle.login)}`);
      assert.equal((await timedRevoke(handle)).observed, 'absent');
      assert.deepEqual(await traces(oid), []);
    });

    it('finds its login again after somebody renamed it', async () => {
      const { handle, oid, session } = await granted(TASKS.read);
      const open = await session();
      await target.superuser.query(`ALTER ROLE ${String(handle.login)} RENAME TO renamed_${version}`);
      const report = await timedRevoke(handle);
      assert.equal(report.observed, 'absent');
      await cutOff(open);
      assert.deepEqual(await traces(oid), []);
    });

    it('never touches a role of the same name that is not ours', async () => {
      const plan = planOf(TASKS.read);
      await target.superuser.query(`CREATE ROLE ${plan.login} LOGIN PASSWORD 'hostile'`);
      await assert.rejects(postgres.grant(client, plan, limit()), { code: 'target-name-taken' });
      for (const handle of [plan.handle, { ...plan.handle, oid: 4_000_000 }]) {
        assert.equal((await postgres.inspect(client, handle, limit())).observed, 'absent');
        assert.equal((await postgres.revoke(client, handle, limit())).observed, 'absent');
      }
      const { rows } = await target.superuser.query('SELECT rolcanlogin FROM pg_roles WHERE rolname = $1', [
        plan.login,
      ]);
      assert.equal(rows[0].rolcanlogin, true);
      await target.superuser.query(`DROP ROLE ${plan.login}`);
    });

    it('tells what an owner’s rights left behind', async () => {
      const { handle, session } = await granted(TASKS.own);
      const acting = await session();
      await acting.query('CREATE TABLE public.made (n int); GRANT SELECT ON public.customers TO PUBLIC');
      await acting.query(
        `CREATE FUNCTION public.door() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'`,
      );
      await acting.query('ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC');
      const report = await timedRevoke(handle);
      assert.equal(report.observed, 'absent', report.blockers.join('\n'));
      for (const expected of [
        /^table public\.made of app_owner$/,
        /^SELECT on table public\.customers for PUBLIC$/,
        /^function public\.door\(\) of app_owner, which runs with its rights/,
        /^EXECUTE on function public\.door\(\) for PUBLIC$/,
        /^default SELECT on new r for PUBLIC$/,
      ])
        assert.ok(
          report.leftBehind.some((line) => expected.test(line)),
          `${expected} in\n${report.leftBehind.join('\n')}`,
        );
      await cutOff(acting);
      await target.superuser.query(
        'REVOKE SELECT ON public.customers FROM PUBLIC; DROP FUNCTION public.door; DROP TABLE public.made; ALTER DEFAULT PRIVILEGES FOR ROLE app_owner REVOKE SELECT ON TABLES FROM PUBLIC',
      );
    });

    it('ends fifty grants with open sessions at the same time', async () => {
      const many = await Promise.all(Array.from({ length: 50 }, () => granted(TASKS.read)));
      const sessions = await Promise.all(many.map((one) => one.session()));
      const reports = await Promise.all(many.map((one) => postgres.revoke(client, one.handle, limit())));
      assert.deepEqual(new Set(reports.map((report) => report.observed)), new Set(['absent']));
      for (const session of sessions) await cutOff(session);
      assert.deepEqual(await postgres.marked(client, limit()), []);
    });
  });
}
