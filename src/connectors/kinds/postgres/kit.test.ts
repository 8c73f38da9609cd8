// The dormant login of an emergency kit on PostgreSQL 18 and 15: it can do nothing but write down its opening and be
// let in by that, for a limited time; whoever changes anything about it is found out.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { type PostgresTarget, startPostgresTarget, TASKS } from '../../../../test/harness/postgres-target.ts';
import { skipWithout } from '../../../../test/harness/services.ts';
import { Failure } from '../../../base/errors.ts';
import { newId } from '../../../base/ids.ts';
import { Secret } from '../../../base/secret.ts';
import type { KitPlan } from '../../contract.ts';
import type { PostgresClient } from './client.ts';
import type { Entitlement } from './entitlement.ts';
import { openSql } from './kit-sql.ts';
import { postgres } from './postgres.ts';

const kit = postgres.kit;
const limit = () => AbortSignal.timeout(30_000);
const WHO = ['ada, bo', 'INC-1042: the platform is down'];

function planOf(change: Partial<KitPlan<Entitlement>> = {}): KitPlan<Entitlement> {
  const kitId = newId('kit');
  const login = `sallykit_${kitId.slice(4)}`;
  return {
    kitId,
    login,
    handle: { login, kitId },
    password: new Secret(randomBytes(32).toString('base64url')),
    taskId: newId('task'),
    entitlement: TASKS.fix,
    validSeconds: 3_600,
    limitSeconds: 600,
    label: 'prod/eu',
    ...change,
  };
}

const sqlState = (wanted: string) => (error: unknown) => (error as { code?: string }).code === wanted;

for (const version of [18, 15] as const) {
  describe(`PostgreSQL ${version}`, { skip: version === 15 ? skipWithout('postgres15') : false }, () => {
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

    if (kit === undefined) throw new Error('PostgreSQL holds kits.');
    const verbs = kit;

    const made = async (change: Partial<KitPlan<Entitlement>> = {}) => {
      const plan = planOf(change);
      return { ...plan, handle: await verbs.make(client, plan, limit()) };
    };
    const open = async (session: pg.Client, login: string, values = WHO): Promise<string> =>
      (await session.query(openSql(login), values)).rows[0].act;

    test('what the administrator lacks for it is said with the SQL', async () => {
      await assert.rejects(verbs.make(client, planOf(), limit()), (error) => {
        assert.ok(error instanceof Failure);
        assert.equal(error.code, 'target-right-missing');
        assert.match(error.hint ?? '', /GRANT CREATE ON DATABASE "app" TO "sallyport_admin";/);
        return true;
      });
      await target.superuser.query('GRANT CREATE ON DATABASE app TO sallyport_admin');
    });

    test('dormant, it may do nothing but call its function', async () => {
      const plan = await made();
      assert.deepEqual((await verbs.look(client, plan, true, limit())).problems, []);
      const other = await made();
      const session = await target.logIn(plan.login, plan.password);
      const no = [
        'SELECT * FROM public.orders',
        'SELECT * FROM sallyport_kit.openings',
        `INSERT INTO sallyport_kit.openings VALUES ('x', 1, 'let-in', '0', now(), now(), 'x', 'x')`,
        'DELETE FROM sallyport_kit.openings',
        'UPDATE public.orders SET status = $$x$$',
        'SELECT billing.refund(1)',
        'CREATE SCHEMA mine',
        'CREATE TABLE sallyport_kit.mine (n int)',
        `CREATE OR REPLACE FUNCTION sallyport_kit.${plan.login.replace('sallykit', 'open')}(holders text, reason text) RETURNS TABLE (act text, until timestamptz) LANGUAGE sql AS $$ SELECT 'x', now() $$`,
        'CREATE ROLE mine',
        'SET ROLE sallyport_admin',
        'SET ROLE app_owner',
        'SET SESSION AUTHORIZATION sallyport_admin',
        `ALTER ROLE ${plan.login} VALID UNTIL 'infinity'`,
        `ALTER ROLE ${plan.login} CREATEROLE`,
        `ALTER ROLE ${other.login} PASSWORD 'x'`,
        `GRANT sallyport_admin TO ${plan.login}`,
        'SELECT rolpassword FROM pg_authid',
        `COPY (SELECT 1) TO PROGRAM 'true'`,
      ];
      const group = (
        await target.superuser.query(`SELECT rolname FROM pg_roles WHERE rolname LIKE 'sp\\_task%' LIMIT 1`)
      ).rows[0].rolname;
      for (const statement of [...no, `SET ROLE ${group}`, `GRANT ${group} TO ${plan.login}`]) {
        await assert.rejects(session.query(statement), sqlState('42501'), statement);
      }
      await assert.rejects(open(session, other.login), sqlState('42501'), 'the function of another kit');
      await session.end();
      await assert.rejects(target.logIn(plan.login, plan.password, { database: 'other' }));
      await verbs.remove(client, other, limit());
      await verbs.remove(client, plan, limit());
    });

    test('an opening is written down and committed before anything is let in; it ends by itself for new logins', async () => {
      const plan = await made({ limitSeconds: 3 });
      const session = await target.logIn(plan.login, plan.password);
      // In one transaction nobody is let in: what is rolled back would leave no trace.
      await session.query('BEGIN');
      assert.equal(await open(session, plan.login), 'recorded');
      await session.query('SAVEPOINT here');
      await assert.rejects(open(session, plan.login), sqlState('55000'));
      await session.query('ROLLBACK TO here');
      await assert.rejects(session.query('SELECT * FROM public.orders'), sqlState('42501'));
      await session.query('ROLLBACK');
      assert.deepEqual((await verbs.look(client, plan, false, limit())).openings, []);

      for (const bad of [
        ['', 'why'],
        ['ada', ' '],
        [null, 'why'],
        ['ada', 'x'.repeat(2001)],
      ])
        await assert.rejects(session.query(openSql(plan.login), bad), sqlState('22023'));
      const injected = `x'); GRANT app_owner TO ${plan.login}; --`;
      assert.equal(
        await open(session, plan.login, [injected, '$body$; DROP TABLE public.orders; --']),
        'recorded',
      );
      await assert.rejects(
        session.query('SELECT * FROM public.orders'),
        sqlState('42501'),
        'recorded is not let in',
      );
      assert.equal(await open(session, plan.login), 'let-in');
      assert.equal(await open(session, plan.login), 'let-in', 'again is the same');

      // Exactly the task's rights.
      await session.query(`UPDATE public.orders SET status = 'fixed' WHERE id = 1`);
      assert.equal((await session.query('SELECT billing.refund(4)')).rows[0].refund, 4);
      for (const beyond of [
        `UPDATE public.orders SET customer = 'x'`,
        'SELECT iban FROM billing.invoices',
        'DELETE FROM public.orders',
        'SELECT * FROM public.customers',
        'SET ROLE app_owner',
      ])
        await assert.rejects(session.query(beyond), sqlState('42501'), beyond);

      const { openings } = await verbs.look(client, plan, false, limit());
      assert.deepEqual(
        openings.map((one) => one.act),
        ['recorded', 'let-in', 'let-in'],
      );
      assert.equal(openings[0]?.holders, injected);
      assert.equal(openings[0]?.clientAddress, '127.0.0.1');
      assert.equal(new Set(openings.map((one) => one.until)).size, 1, 'a later call makes it no longer');

      // Past the limit: no new login; an open session loses its rights at its next call, and not before.
      await delay(Math.max(0, Date.parse(openings[0]?.until ?? '') - Date.now()) + 1_000);
      await assert.rejects(target.logIn(plan.login, plan.password), sqlState('28P01'));
      await session.query('SELECT count(*) FROM public.orders');
      assert.equal(await open(session, plan.login), 'refused');
      await assert.rejects(session.query('SELECT count(*) FROM public.orders'), sqlState('42501'));

      const report = await verbs.remove(client, plan, limit());
      assert.equal(report.observed, 'absent');
      assert.equal(report.sessionsEnded, 1);
      await assert.rejects(session.query('SELECT 1'));
      assert.equal(
        (await verbs.look(client, plan, false, limit())).openings.length,
        4,
        'what was written down stays',
      );
    });

    test('open, it is removed whatever its sessions do: rights, sessions and login are gone', async () => {
      const plan = await made();
      const session = await target.logIn(plan.login, plan.password);
      await open(session, plan.login);
      await open(session, plan.login);
      await session.query('BEGIN');
      await session.query('DECLARE c CURSOR FOR SELECT * FROM public.orders');
      await session.query('FETCH 10 FROM c');
      const report = await verbs.remove(client, plan, limit());
      assert.equal(report.observed, 'absent', JSON.stringify(report));
      await assert.rejects(session.query('FETCH 10 FROM c'));
      await assert.rejects(target.logIn(plan.login, plan.password));
      assert.equal((await verbs.remove(client, plan, limit())).observed, 'absent', 'twice is one effect');
      assert.equal((await verbs.look(client, plan, false, limit())).exists, false);
      const left = await target.superuser.query(
        `SELECT count(*)::int AS n FROM pg_proc WHERE proname LIKE '%' || $1`,
        [plan.login.slice(9)],
      );
      assert.equal(left.rows[0].n, 0);
    });

    test('making again makes it whole; a name that is not ours is left alone', async () => {
      const plan = await made();
      await target.superuser.query(`ALTER ROLE ${plan.login} NOLOGIN`);
      assert.match((await verbs.look(client, plan, true, limit())).problems.join(), /may not log in/);
      await verbs.make(client, plan, limit());
      assert.deepEqual((await verbs.look(client, plan, true, limit())).problems, []);
      await verbs.remove(client, plan, limit());
      const theirs = planOf();
      await target.superuser.query(`CREATE ROLE ${theirs.login}`);
      await assert.rejects(
        verbs.make(client, theirs, limit()),
        (error) => error instanceof Failure && error.code === 'target-name-taken',
      );
      await verbs.remove(client, theirs, limit());
      assert.equal(
        (await target.superuser.query('SELECT FROM pg_roles WHERE rolname = $1', [theirs.login])).rowCount,
        1,
      );
    });

    test('a kit that was made and not stored yet is found by its name', async () => {
      const plan = planOf();
      await verbs.make(client, plan, limit());
      assert.equal((await verbs.remove(client, plan, limit())).observed, 'absent');
      assert.equal(
        (await target.superuser.query('SELECT FROM pg_roles WHERE rolname = $1', [plan.login])).rowCount,
        0,
      );
    });

    test('whatever somebody changes is found: password, function, path, membership, mark, the login itself', async () => {
      const plan = await made();
      const own = await target.logIn(plan.login, plan.password);
      await own.query(`ALTER ROLE ${plan.login} PASSWORD 'mine-now'`);
      await own.end();
      const problems = async () => (await verbs.look(client, plan, true, limit())).problems.join(' ');
      assert.match(await problems(), /password does not work any more/);
      await verbs.make(client, plan, limit());
      const name = `sallyport_kit.${plan.login.replace('sallykit', 'open')}`;
      const changes: [string, RegExp][] = [
        [`ALTER FUNCTION ${name}(text, text) SECURITY INVOKER`, /not the one that was made/],
        [`ALTER FUNCTION ${name}(text, text) SET search_path = public`, /not the one that was made/],
        [`GRANT EXECUTE ON FUNCTION ${name}(text, text) TO PUBLIC`, /may be called by PUBLIC/],
        [`GRANT app_owner TO ${plan.login}`, /member of app_owner although it was not opened/],
        [`ALTER ROLE ${plan.login} VALID UNTIL '2020-01-01'`, /has expired/],
      ];
      for (const [change, found] of changes) {
        await target.superuser.query(change);
        assert.match(await problems(), found, change);
        await verbs.make(client, plan, limit());
        await target.superuser.query(`REVOKE app_owner FROM ${plan.login}`);
      }
      await target.superuser.query(`ALTER FUNCTION ${name}(text, text) SECURITY DEFINER`);
      await target.superuser.query(`DROP FUNCTION ${name}(text, text)`);
      assert.match(await problems(), /function is gone/);
      await verbs.remove(client, plan, limit());
      assert.match(await problems(), /login is gone/);
    });

    test('it is standing access that is explained, and no orphan', async () => {
      const plan = await made();
      const items = await postgres.inventory(client, limit());
      const mine = items.filter((item) => item.principal === plan.login);
      assert.ok(mine.length > 0);
      assert.match(mine[0]?.explainedBy ?? '', /^Emergency kit prod\/eu/);
      assert.ok(items.filter((item) => item.principal === 'dba').every((item) => item.explainedBy === null));
      assert.deepEqual(await postgres.marked(client, limit()), []);
      await verbs.remove(client, plan, limit());
    });

    test('calls are counted, and have an end', async () => {
      const plan = await made();
      const session = await target.logIn(plan.login, plan.password);
      for (let call = 1; call <= 100; call++) await open(session, plan.login);
      await assert.rejects(open(session, plan.login), sqlState('54000'));
      assert.equal((await verbs.look(client, plan, false, limit())).openings.length, 100);
      await session.end();
      await verbs.remove(client, plan, limit());
    });
  });
}
