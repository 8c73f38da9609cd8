// What `target check` finds and prints, and what the inventory of standing access says, on real servers.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import {
  MARK,
  type PostgresTarget,
  startPostgresTarget,
  TASKS,
} from '../../../../test/harness/postgres-target.ts';
import { skipWithout } from '../../../../test/harness/services.ts';
import { Secret } from '../../../base/secret.ts';
import { planOf } from '../../conformance.ts';
import type { CheckItem, TargetAccess } from '../../contract.ts';
import type { Entitlement } from './entitlement.ts';
import { writeMark } from './names.ts';
import { postgres } from './postgres.ts';
import { requiredRightsSql } from './required-rights.ts';
import type { TargetSettings } from './settings.ts';

const limit = () => AbortSignal.timeout(20_000);

for (const version of [18, 15] as const) {
  const skip = version === 15 ? skipWithout('postgres15') : false;
  describe(`PostgreSQL ${version}: check and inventory`, { skip }, () => {
    let target: PostgresTarget;
    before(async () => {
      target = await startPostgresTarget(version);
    });
    after(() => target.stop());

    async function check(
      change: Partial<TargetAccess<TargetSettings>> = {},
      tasks: Entitlement[] = Object.values(TASKS),
    ): Promise<Map<string, CheckItem>> {
      const client = postgres.connect({ ...target.access, ...change });
      try {
        const items = await postgres.check(client, limit(), tasks);
        return new Map(items.map((item) => [item.name, item]));
      } finally {
        await postgres.disconnect(client);
      }
    }
    const as = (user: string, password: string) => ({ admin: { user, password: new Secret(password) } });

    it('has nothing to fail for an administrator that ran what was printed', async () => {
      const items = await check();
      assert.deepEqual(
        [...items.values()].filter((item) => item.status === 'fail'),
        [],
      );
      assert.equal(items.get('task-rights')?.status, 'ok');
      assert.equal(items.get('other-databases')?.status, 'ok');
      assert.equal(items.has('createrole'), version === 15);
    });

    it('prints what an administrator without rights lacks, and running it is enough', async () => {
      await target.superuser.query(`CREATE ROLE bare LOGIN PASSWORD 'bare'`);
      const first = await check(as('bare', 'bare'));
      for (const name of ['administrator', 'end-sessions', 'task-rights']) {
        assert.equal(first.get(name)?.status, 'fail', name);
        await target.superuser.query(first.get(name)?.fix ?? '');
      }
      const second = await check(as('bare', 'bare'));
      assert.deepEqual(
        [...second.values()].filter((item) => item.status === 'fail'),
        [],
      );
      const client = postgres.connect({ ...target.access, ...as('bare', 'bare') });
      for (const task of Object.values(TASKS)) {
        const plan = planOf(task);
        const { handle } = await postgres.grant(client, plan, limit());
        const session = await target.logIn(plan.login, plan.password);
        const report = await postgres.revoke(client, handle, limit());
        assert.deepEqual([report.observed, report.sessionsEnded, report.blockers], ['absent', 1, []]);
        await session.end();
      }
      await postgres.disconnect(client);
    });

    it('prints the same rights without having to look at the server', async () => {
      await target.superuser.query(
        `CREATE ROLE early LOGIN CREATEROLE PASSWORD 'early'; GRANT pg_signal_backend TO early`,
      );
      const facts = { database: 'app', version: version * 10_000, sequences: ['public.orders_id_seq'] };
      await target.superuser.query(requiredRightsSql('early', Object.values(TASKS), facts).join('\n'));
      assert.equal((await check(as('early', 'early'))).get('task-rights')?.status, 'ok');
    });

    it('suggests labels by names and samples, runs nothing of an owner’s for it, and lets no value out', async () => {
      await target.superuser.query(`
        SET ROLE app_owner;
        CREATE TABLE public.people (id bigint, email text, remark text, number bigint, account text);
        INSERT INTO public.people SELECT n, 'x' || n, CASE WHEN n % 40 = 0 THEN 'ask canary-' || n || '@example.org' END,
          n, 'DE89370400440532013000' FROM generate_series(1, 200) n;
        CREATE TABLE public.hidden (contact text);
        INSERT INTO public.hidden VALUES ('canary-hidden@example.org');
        CREATE TABLE public.trap (contact text);
        INSERT INTO public.trap VALUES ('canary-trap@example.org');
        CREATE FUNCTION public.spring() RETURNS boolean LANGUAGE plpgsql AS $$
          BEGIN RAISE EXCEPTION 'ran as %', current_user; END $$;
        ALTER TABLE public.trap ENABLE ROW LEVEL SECURITY;
        CREATE POLICY trap ON public.trap USING (public.spring());
        GRANT SELECT ON public.people, public.trap TO sallyport_admin;
        RESET ROLE; ANALYZE`);
      const client = postgres.connect(target.access);
      const suggest = async (sample: boolean) => {
        const found = await postgres.suggestLabels?.(client, 'app', sample, limit());
        assert.ok(found !== undefined && !JSON.stringify(found).includes('canary'));
        const people = found.columns.filter((one) => one.table === 'people');
        return {
          found,
          people: people.map((one) => [one.column, one.label, one.because.join(), one.matching, one.sampled]),
        };
      };
      assert.deepEqual((await suggest(false)).people, [['email', 'pii', 'name', 0, 0]]);
      const { found, people } = await suggest(true);
      assert.deepEqual(people, [
        ['email', 'pii', 'name', 0, 200],
        ['remark', 'pii', 'data', 5, 5],
        ['account', 'cards', 'data', 200, 200],
      ]);
      assert.ok(!found.columns.some((one) => one.table === 'hidden' || one.table === 'trap'));
      assert.ok(found.tables.unread >= 2, JSON.stringify(found.tables));
      await postgres.disconnect(client);
    });

    it('says that less than superuser will do', async () => {
      const url = new URL(target.server.adminUrl);
      const items = await check(as('postgres', decodeURIComponent(url.password)));
      assert.equal(items.get('administrator')?.status, 'warn');
      assert.equal(items.get('task-rights')?.status, 'ok');
      assert.equal(items.get('direct-login')?.status, 'warn');
    });

    it('knows when pg_hba.conf keeps grants out, as it printed', async () => {
      const url = new URL(target.server.adminUrl);
      const root = as('postgres', decodeURIComponent(url.password));
      const printed = (await check(root)).get('direct-login');
      assert.equal(printed?.status, 'warn');
      const file = join(target.server.folder, 'data', 'pg_hba.conf');
      const lines = readFileSync(file, 'utf8');
      writeFileSync(
        file,
        `${(printed?.fix ?? '').replace('GATEWAY/', '127.0.0.2/').replaceAll('…', 'x')}\n${lines}`,
      );
      await target.superuser.query('SELECT pg_reload_conf()');
      await pause(300);
      assert.equal((await check(root)).get('direct-login')?.status, 'ok');
      if (version >= 16) {
        const client = postgres.connect(target.access);
        const plan = planOf(TASKS.read);
        const { handle } = await postgres.grant(client, plan, limit());
        await assert.rejects(target.logIn(plan.login, plan.password), { code: '28000' });
        await postgres.revoke(client, handle, limit());
        await postgres.disconnect(client);
      }
      writeFileSync(file, lines);
      await target.superuser.query('SELECT pg_reload_conf()');
      await pause(300);
    });

    it('warns of what PUBLIC may do, with SQL that mends it', async () => {
      await target.superuser.query(
        'GRANT CONNECT ON DATABASE other TO PUBLIC; GRANT CREATE ON SCHEMA public TO PUBLIC',
      );
      const items = await check();
      for (const name of ['other-databases', 'public-create']) {
        assert.equal(items.get(name)?.status, 'warn', name);
        await target.superuser.query(items.get(name)?.fix ?? '');
      }
      const mended = await check();
      assert.deepEqual(
        [mended.get('other-databases')?.status, mended.get('public-create')?.status],
        ['ok', 'ok'],
      );
    });

    it('names an object of a task that is not there, and an owner that is too powerful', async () => {
      const gone = postgres.entitlement.parse({ tables: [{ name: 'public.gone', privileges: ['SELECT'] }] });
      assert.match((await check({}, [gone])).get('task-objects')?.detail ?? '', /public.*gone/);
      const powerful = postgres.entitlement.parse({ actAs: 'postgres' });
      assert.match((await check({}, [powerful])).get('task-objects')?.detail ?? '', /superuser/);
    });

    it('fails, once, when the target is down, when the password is wrong, when the database is missing', async () => {
      const { settings } = target.access;
      for (const change of [
        { settings: { ...settings, port: 1 } },
        as('sallyport_admin', 'wrong'),
        { settings: { ...settings, database: 'nowhere' } },
      ]) {
        const items = await check(change);
        assert.deepEqual([...items.keys()], ['reachable']);
        assert.equal(items.get('reachable')?.status, 'fail');
      }
    });

    it('fails for an old copy of this installation, which sees a newer epoch', async () => {
      const mark = writeMark({ ...MARK, epoch: MARK.epoch + 1 }, { grant: 'grt_newer' });
      await target.superuser.query(`CREATE ROLE sp_newer; COMMENT ON ROLE sp_newer IS '${mark}'`);
      assert.equal((await check()).get('marks')?.status, 'fail');
      await target.superuser.query('DROP ROLE sp_newer');
      assert.equal((await check()).get('marks')?.status, 'ok');
    });

    it('lists standing access with the way it is reached, and none of our own', async () => {
      await target.superuser.query(`CREATE ROLE readers NOLOGIN; CREATE ROLE staff NOLOGIN; CREATE ROLE eve LOGIN;
        GRANT SELECT ON public.customers TO readers; GRANT readers TO staff; GRANT staff TO eve;
        GRANT UPDATE (status) ON public.orders TO eve; GRANT pg_read_all_data TO eve;
        GRANT SELECT ON public.orders TO PUBLIC`);
      const client = postgres.connect(target.access);
      const plan = planOf(TASKS.read);
      const { handle } = await postgres.grant(client, plan, limit());
      const items = await postgres.inventory(client, limit());
      const eve = items.filter((item) => item.principal === 'eve');
      const via = (...through: string[]) =>
        eve.find((item) => item.through.join() === through.join())?.rights ?? [];
      assert.ok(via().includes('UPDATE (status) on public.orders'));
      assert.ok(via('staff', 'readers').includes('SELECT on public.customers'));
      assert.ok(via('pg_read_all_data').includes('predefined role pg_read_all_data'));
      const open = items.find((item) => item.principal === 'PUBLIC');
      assert.ok(open?.rights.includes('SELECT on public.orders'));
      assert.ok(items.some((item) => item.superuser && item.principal === 'postgres'));
      assert.ok(items.some((item) => item.principal === 'dba' && item.through.includes('app_owner')));
      assert.equal(
        items.some((item) => item.principal.startsWith('sp_')),
        false,
      );
      assert.equal((await postgres.revoke(client, handle, limit())).observed, 'absent');
      await postgres.disconnect(client);
    });
  });
}

it('an administrator named like an identifier trick stays a name', () => {
  const [line = ''] = requiredRightsSql(`x" SUPERUSER; --`, [TASKS.read], {
    database: 'app',
    version: 180_000,
    sequences: [],
  });
  assert.ok(line.includes(pg.escapeIdentifier(`x" SUPERUSER; --`)));
});
