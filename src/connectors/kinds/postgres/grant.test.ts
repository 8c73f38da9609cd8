// What a grant may do is exactly its task, tried with the grant's own login on a real server; and what the task's
// role becomes when the task, another replica or somebody's hand changes it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type pg from 'pg';
import { type PostgresTarget, startPostgresTarget, TASKS } from '../../../../test/harness/postgres-target.ts';
import { skipWithout } from '../../../../test/harness/services.ts';
import { newId } from '../../../base/ids.ts';
import { planOf } from '../../conformance.ts';
import type { Handle } from '../../contract.ts';
import type { PostgresClient } from './client.ts';
import { type Entitlement, entitlement } from './entitlement.ts';
import { taskRoleName, writeMark } from './names.ts';
import { postgres } from './postgres.ts';

const limit = () => AbortSignal.timeout(20_000);
const REFUSED = '42501';

for (const version of [18, 15] as const) {
  const skip = version === 15 ? skipWithout('postgres15') : false;
  describe(`PostgreSQL ${version}: what a grant may do`, { skip }, () => {
    let target: PostgresTarget;
    let client: PostgresClient;
    const handles: Handle[] = [];
    before(async () => {
      target = await startPostgresTarget(version);
      client = postgres.connect(target.access);
    });
    after(async () => {
      for (const handle of handles)
        assert.equal((await postgres.revoke(client, handle, limit())).observed, 'absent');
      await postgres.disconnect(client);
      await target.stop();
    });

    async function granted(task: Entitlement, taskId = newId('task'), by = client) {
      const plan = planOf(task, taskId);
      const { handle } = await postgres.grant(by, plan, limit());
      handles.push(handle);
      return { plan, handle, login: () => target.logIn(plan.login, plan.password) };
    }

    const allowed = async (session: pg.Client, statements: string[]) => {
      for (const text of statements)
        await session.query(text).catch((error) => assert.fail(`${text}: ${error}`));
    };
    const refused = async (session: pg.Client, statements: string[], code = REFUSED) => {
      for (const text of statements) await assert.rejects(session.query(text), { code }, text);
    };

    it('reads and does nothing else', async () => {
      const { login, plan } = await granted(TASKS.read);
      const session = await login();
      await allowed(session, ['SELECT * FROM orders LIMIT 1']);
      await refused(session, ['UPDATE orders SET note = $$x$$'], '25006');
      await allowed(session, ['SET default_transaction_read_only = off']);
      await refused(session, [
        'UPDATE orders SET note = $$x$$',
        'DELETE FROM orders',
        'INSERT INTO orders (note) VALUES ($$x$$)',
        'SELECT * FROM customers',
        'SELECT * FROM billing.invoices',
        'CREATE TABLE public.mine (n int)',
        'CREATE SCHEMA mine',
        'CREATE ROLE mine',
        'CREATE DATABASE mine',
        'ALTER TABLE orders ADD COLUMN mine int',
        'SET ROLE app_owner',
        'SET SESSION AUTHORIZATION app_owner',
        'GRANT SELECT ON customers TO PUBLIC',
        `ALTER ROLE ${plan.login} CREATEROLE`,
        `COPY orders TO PROGRAM 'true'`,
      ]);
      await assert.rejects(target.logIn(plan.login, plan.password, { database: 'other' }), { code: REFUSED });
      await session.end();
    });

    it('changes the columns, calls the function and takes the numbers that the task names, and no more', async () => {
      const { login } = await granted(TASKS.fix);
      const session = await login();
      await allowed(session, [
        `UPDATE orders SET status = 'fixed', note = 'by hand' WHERE id = 1`,
        `INSERT INTO orders (customer, status) VALUES ('c', 'new')`,
        'SELECT id, total FROM billing.invoices',
        'SELECT billing.refund(1)',
        'SELECT count(*) FROM orders',
      ]);
      await refused(session, [
        `UPDATE orders SET customer = 'x'`,
        'SELECT iban FROM billing.invoices',
        'SELECT * FROM billing.invoices',
        'UPDATE billing.invoices SET total = 0',
        'DELETE FROM orders',
        'TRUNCATE orders',
        `SELECT setval('orders_id_seq', 1)`,
      ]);
      const { rows } = await session.query(
        `SELECT current_setting('statement_timeout') AS timeout, current_setting('search_path') AS path,
           current_setting('client_connection_check_interval') AS interval`,
      );
      assert.deepEqual(rows[0], { timeout: '30s', path: 'public, billing', interval: '1s' });
      await session.end();
    });

    it('makes objects where the task says so, and nowhere else', async () => {
      const { login } = await granted(TASKS.make);
      const session = await login();
      await allowed(session, ['CREATE TABLE work.mine (n int)', 'DROP TABLE work.mine']);
      await refused(session, ['CREATE TABLE billing.mine (n int)', 'CREATE TABLE public.mine (n int)']);
      await session.end();
    });

    it('acts as the owner, and what it makes is the owner’s', async () => {
      const { login } = await granted(TASKS.own);
      const session = await login();
      await allowed(session, [
        'CREATE TABLE public.added (n int)',
        'ALTER TABLE orders ADD COLUMN added int',
      ]);
      const { rows } = await session.query(
        `SELECT relowner::regrole::text AS owner FROM pg_class WHERE oid = 'public.added'::regclass`,
      );
      assert.equal(rows[0].owner, 'app_owner');
      await refused(session, ['CREATE ROLE mine', 'GRANT app_owner TO dba', 'SET ROLE dba']);
      await allowed(session, ['DROP TABLE public.added', 'ALTER TABLE orders DROP COLUMN added']);
      await session.end();
    });

    it('cannot hand its membership on', async () => {
      const { login, handle } = await granted(TASKS.read);
      const session = await login();
      await allowed(session, ['SET default_transaction_read_only = off']);
      await refused(session, [`GRANT ${String(handle.group)} TO dba`]);
      if (version >= 16) await refused(session, [`SET ROLE ${String(handle.group)}`]);
      await session.end();
    });

    it('keeps rights on the task’s role only, and a verifier, not a password, on the login', async () => {
      const { plan, handle } = await granted(TASKS.fix);
      const { rows } = await target.superuser.query(
        `SELECT r.rolpassword LIKE 'SCRAM-SHA-256$%' AS scram, position($2 IN r.rolpassword) AS shown,
           (SELECT count(*) FROM pg_shdepend d WHERE d.refobjid = r.oid AND d.classid <> 'pg_auth_members'::regclass)::int AS rights,
           extract(epoch FROM rolvaliduntil - now())::int AS seconds, rolconnlimit
         FROM pg_authid r WHERE rolname = $1`,
        [plan.login, plan.password.reveal()],
      );
      const { seconds, ...rest } = rows[0];
      assert.deepEqual(rest, { scram: true, shown: 0, rights: 0, rolconnlimit: 100 });
      assert.ok(seconds > 3_800 && seconds <= 3_900);
      assert.equal(JSON.stringify(handle).includes(plan.password.reveal()), false);
    });

    it('follows the task when it changes: wider, and narrower, also for grants that are live', async () => {
      const taskId = newId('task');
      const { login } = await granted(TASKS.fix, taskId);
      const session = await login();
      await allowed(session, ['SELECT billing.refund(1)', `UPDATE orders SET note = 'a' WHERE id = 2`]);
      const narrow = entitlement.parse({
        tables: [
          { name: 'public.orders', privileges: ['SELECT'] },
          { name: 'public.orders', privileges: ['UPDATE'], columns: ['note'] },
        ],
      });
      await granted(narrow, taskId);
      await allowed(session, [`UPDATE orders SET note = 'b' WHERE id = 2`, 'SELECT id FROM orders LIMIT 1']);
      await refused(session, [
        'SELECT billing.refund(1)',
        `UPDATE orders SET status = 'b'`,
        'SELECT id FROM billing.invoices',
        'INSERT INTO orders (note) VALUES ($$x$$)',
      ]);
      await granted(TASKS.fix, taskId);
      await allowed(session, ['SELECT billing.refund(1)', `UPDATE orders SET status = 'a' WHERE id = 2`]);
      await session.end();
    });

    it('notices that another replica has changed the task’s role since it looked', async () => {
      const taskId = newId('task');
      const replica = postgres.connect(target.access);
      await granted(TASKS.read, taskId);
      await granted(TASKS.fix, taskId, replica);
      const { login } = await granted(TASKS.read, taskId);
      const session = await login();
      await allowed(session, ['SELECT id FROM orders LIMIT 1', 'SET default_transaction_read_only = off']);
      await refused(session, ['SELECT billing.refund(1)', `UPDATE orders SET note = 'x'`]);
      await session.end();
      await postgres.disconnect(replica);
    });

    it('makes the task’s role again when somebody dropped it, and takes back what somebody added to it', async () => {
      const taskId = newId('task');
      const first = await granted(TASKS.read, taskId);
      const role = String(first.handle.group);
      const admin = target.access.admin.user;
      await target.superuser.query(`SET ROLE ${admin}; REVOKE SELECT ON public.orders FROM ${role};
        REVOKE USAGE ON SCHEMA public FROM ${role}; REVOKE CONNECT ON DATABASE app FROM ${role};
        DROP ROLE ${role}; RESET ROLE`);
      const second = await granted(TASKS.read, taskId);
      const session = await second.login();
      await allowed(session, ['SELECT id FROM orders LIMIT 1']);
      await session.end();
      await target.superuser.query(`GRANT SELECT ON public.customers TO ${admin} WITH GRANT OPTION;
        SET ROLE ${admin}; GRANT SELECT ON public.customers TO ${role}; RESET ROLE`);
      const fresh = postgres.connect(target.access);
      const third = await granted(TASKS.read, taskId, fresh);
      const again = await third.login();
      await refused(again, ['SELECT * FROM customers']);
      await again.end();
      await postgres.disconnect(fresh);
    });

    it('refuses to grant a task whose role somebody widened beyond its reach', async () => {
      const taskId = newId('task');
      const { handle } = await granted(TASKS.read, taskId);
      const role = String(handle.group);
      const fails = async (widen: string, mend: string) => {
        await target.superuser.query(widen);
        const fresh = postgres.connect(target.access);
        try {
          const plan = planOf(TASKS.read, taskId);
          await assert.rejects(postgres.grant(fresh, plan, limit()), { code: 'target-task-role-changed' });
          assert.equal((await postgres.inspect(fresh, plan.handle, limit())).observed, 'absent');
        } finally {
          await postgres.disconnect(fresh);
          await target.superuser.query(mend);
        }
      };
      await fails(
        `SET ROLE app_owner; GRANT SELECT ON billing.invoices TO ${role}; RESET ROLE`,
        `SET ROLE app_owner; REVOKE SELECT ON billing.invoices FROM ${role}; RESET ROLE`,
      );
      await fails(`GRANT pg_read_all_data TO ${role}`, `REVOKE pg_read_all_data FROM ${role}`);
      await fails(`ALTER ROLE ${role} LOGIN`, `ALTER ROLE ${role} NOLOGIN`);
      await granted(TASKS.read, taskId);
    });

    it('says which right the administrator lacks, with the SQL, and makes no login', async () => {
      const task = entitlement.parse({ tables: [{ name: 'public.customers', privileges: ['DELETE'] }] });
      const plan = planOf(task);
      await assert.rejects(
        postgres.grant(client, plan, limit()),
        (error: Error & { code: string; hint: string }) => {
          assert.equal(error.code, 'target-right-missing');
          assert.match(
            error.hint,
            /GRANT DELETE ON TABLE "public"\."customers" TO "sallyport_admin" WITH GRANT OPTION;/,
          );
          return true;
        },
      );
      assert.equal((await postgres.inspect(client, plan.handle, limit())).observed, 'absent');
      const { rowCount } = await target.superuser.query('SELECT FROM pg_roles WHERE rolname = $1', [
        taskRoleName(plan.taskId, 'app'),
      ]);
      assert.equal(rowCount, 0);
    });

    it('says what the task names that is not there', async () => {
      for (const wrong of [
        { tables: [{ name: 'public.nothing', privileges: ['SELECT'] }] },
        { tables: [{ name: 'public.orders', privileges: ['SELECT'], columns: ['nothing'] }] },
        { schemas: ['nothing'] },
        { sequences: ['public.nothing'] },
        { functions: ['billing.refund(text)'] },
        { actAs: 'nobody' },
      ])
        await assert.rejects(postgres.grant(client, planOf(entitlement.parse(wrong)), limit()), {
          code: 'target-object-missing',
        });
    });

    it('completes a login of its own that is half made', async () => {
      const taskId = newId('task');
      await granted(TASKS.read, taskId);
      const plan = planOf(TASKS.read, taskId);
      const mark = writeMark(target.access.mark, { grant: plan.grantId, label: plan.label });
      await target.superuser.query(`SET ROLE ${target.access.admin.user};
        CREATE ROLE ${plan.login} NOLOGIN; COMMENT ON ROLE ${plan.login} IS '${mark}'; RESET ROLE`);
      const { handle } = await postgres.grant(client, plan, limit());
      handles.push(handle);
      const session = await target.logIn(plan.login, plan.password);
      await allowed(session, ['SELECT id FROM orders LIMIT 1']);
      await refused(session, [`UPDATE orders SET note = 'x'`], '25006');
      await session.end();
    });

    it('does not take over a login that carries another grant’s mark', async () => {
      const plan = planOf(TASKS.read);
      const mark = writeMark(target.access.mark, { grant: newId('grant') });
      await target.superuser.query(
        `CREATE ROLE ${plan.login} LOGIN; COMMENT ON ROLE ${plan.login} IS '${mark}'`,
      );
      await assert.rejects(postgres.grant(client, plan, limit()), { code: 'target-name-taken' });
      assert.equal((await postgres.revoke(client, plan.handle, limit())).observed, 'absent');
      await target.superuser.query(`DROP ROLE ${plan.login}`);
    });

    it('gives a task that names another database rights there and not here', async () => {
      const { user } = target.access.admin;
      const root = await target.open('other');
      await root.query(`CREATE TABLE public.secrets (n int); GRANT SELECT ON public.secrets TO ${user} WITH GRANT OPTION;
        GRANT CONNECT ON DATABASE other TO ${user} WITH GRANT OPTION; GRANT USAGE ON SCHEMA public TO ${user} WITH GRANT OPTION`);
      await root.end();
      const there = entitlement.parse({
        database: 'other',
        tables: [{ name: 'public.secrets', privileges: ['SELECT'] }],
      });
      const taskId = newId('task');
      const { plan } = await granted(there, taskId);
      const session = await target.logIn(plan.login, plan.password, { database: 'other' });
      await allowed(session, ['SELECT * FROM public.secrets']);
      await session.end();
      const here = await granted(TASKS.read, taskId);
      await assert.rejects(target.logIn(here.plan.login, here.plan.password, { database: 'other' }), {
        code: REFUSED,
      });
    });

    it('makes the first grants of many tasks at the same time', async () => {
      const plans = Array.from({ length: 16 }, (_, n) => planOf(n % 2 === 0 ? TASKS.read : TASKS.fix));
      const made = await Promise.all(plans.map((plan) => postgres.grant(client, plan, limit())));
      handles.push(...made.map((one) => one.handle));
      assert.equal((await postgres.marked(client, limit())).length, handles.length);
    });

    it('lets no text of a label out of its quotes', async () => {
      const plan = { ...planOf(TASKS.read), label: `'; DROP ROLE dba; -- $sp$ $$ " \\ %L %s` };
      const { handle } = await postgres.grant(client, plan, limit());
      handles.push(handle);
      const { rows } = await target.superuser.query(
        `SELECT shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname = $1`,
        [plan.login],
      );
      assert.ok(rows[0].comment.includes(JSON.stringify(plan.label)));
    });
  });
}
