// A target as a cluster, with real streaming replication: what ended on the primary has ended on every standby too,
// or the report says on which it has not, and why.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { startPostgres, type TestPostgres } from '../../../../test/harness/postgres.ts';
import { type PostgresTarget, startPostgresTarget, TASKS } from '../../../../test/harness/postgres-target.ts';
import { skipWithout } from '../../../../test/harness/services.ts';
import { Failure } from '../../../base/errors.ts';
import { planOf } from '../../conformance.ts';
import type { NodeReport } from '../../contract.ts';
import type { PostgresClient } from './client.ts';
import type { Entitlement } from './entitlement.ts';
import { postgres } from './postgres.ts';

const INERT_LIMIT_MS = 5_000;
const limit = () => AbortSignal.timeout(20_000);
const seen = (nodes: NodeReport[] | undefined) => (nodes ?? []).map((one) => [one.role, one.observed]);
const GONE = [
  ['primary', 'absent'],
  ['standby', 'absent'],
];

for (const version of [15, 18] as const) {
  const skip = version === 15 ? skipWithout('postgres15') : false;
  describe(`PostgreSQL ${version}: a primary and a standby`, { skip }, () => {
    let target: PostgresTarget;
    let standby: TestPostgres;
    let onStandby: pg.Client;
    let client: PostgresClient;

    before(async () => {
      target = await startPostgresTarget(version, 'least', 1);
      const [first] = target.standbys;
      assert.ok(first !== undefined);
      standby = first;
      onStandby = await superuserOf(standby);
      client = postgres.connect(target.access);
    });
    after(async () => {
      await onStandby?.end();
      await postgres.disconnect(client);
      await target.stop();
    });

    async function superuserOf(server: TestPostgres): Promise<pg.Client> {
      const one = new pg.Client(server.url('app'));
      one.on('error', () => undefined);
      await one.connect();
      return one;
    }

    async function granted(task: Entitlement) {
      const plan = planOf(task);
      const { handle, nodes } = await postgres.grant(client, plan, limit());
      return { plan, handle, nodes, oid: Number(handle.oid) };
    }

    /** Past everything of ours, to the standby. */
    const logIn = (plan: { login: string; password: { reveal(): string } }, more: pg.ClientConfig = {}) =>
      target.logIn(plan.login, plan.password as never, { port: standby.port, ...more });

    async function replayed(oid: number): Promise<void> {
      for (let i = 0; i < 200; i += 1) {
        const { rows } = await onStandby.query('SELECT 1 FROM pg_roles WHERE oid = $1', [oid]);
        if (rows.length > 0) return;
        await pause(25);
      }
      assert.fail('the standby did not replay the grant');
    }

    const sessionsThere = async (oid: number) =>
      (await onStandby.query('SELECT 1 FROM pg_stat_activity WHERE usesysid = $1', [oid])).rows.length;

    it('ends sessions on the standby, one that did SET ROLE too, and looks there before it is over', async () => {
      const { plan, handle, nodes, oid } = await granted(TASKS.own);
      assert.deepEqual(seen(nodes), [
        ['primary', 'present'],
        ['standby', 'unknown'],
      ]);
      await replayed(oid);
      const [plain, acting] = [await logIn(plan), await logIn(plan)];
      await acting.query('SET ROLE app_owner');
      assert.equal((await acting.query('SELECT count(*)::int AS n FROM public.orders')).rows[0].n, 2000);
      const startedAt = performance.now();
      const report = await postgres.revoke(client, handle, limit());
      assert.ok(performance.now() - startedAt < INERT_LIMIT_MS);
      assert.equal(report.observed, 'absent', JSON.stringify(report));
      assert.deepEqual(seen(report.nodes), GONE);
      assert.equal(report.sessionsEnded, 2);
      for (const session of [plain, acting]) await assert.rejects(session.query('SELECT 1'));
      assert.equal(await sessionsThere(oid), 0);
      await assert.rejects(logIn(plan));
      assert.deepEqual(seen((await postgres.inspect(client, report.handle, limit())).nodes), GONE);
    });

    it('is not over while the standby has not replayed the end; its sessions end all the same', async () => {
      const { plan, handle, oid } = await granted(TASKS.read);
      await replayed(oid);
      const session = await logIn(plan);
      await onStandby.query('SELECT pg_wal_replay_pause()');
      // Granted and revoked while the standby hears nothing: it shows no such login, and still may one day.
      const unseen = await granted(TASKS.read);
      const [report, early] = await Promise.all([
        postgres.revoke(client, handle, limit()),
        postgres.revoke(client, unseen.handle, limit()),
      ]);
      for (const one of [report, early]) {
        assert.equal(one.observed, 'present');
        assert.deepEqual(seen(one.nodes), [
          ['primary', 'absent'],
          ['standby', 'present'],
        ]);
        assert.match(one.blockers[0] ?? '', new RegExp(`standby 127.0.0.1:${standby.port}: .*paused`));
      }
      await assert.rejects(session.query('SELECT 1'));
      assert.equal((await postgres.inspect(client, report.handle, limit())).observed, 'present');
      await onStandby.query('SELECT pg_wal_replay_resume()');
      for (const one of [report, early])
        assert.deepEqual(seen((await postgres.revoke(client, one.handle, limit())).nodes), GONE);
    });

    it('finds a session that starts late on the standby, by its OID', async () => {
      const { plan, handle, oid } = await granted(TASKS.read);
      await replayed(oid);
      const late = logIn(plan, { options: '-c post_auth_delay=3' }).catch(() => null);
      await pause(1_000);
      const report = await postgres.revoke(client, handle, limit());
      assert.equal(report.observed, 'absent', 'it cannot be seen yet');
      let ended = 0;
      for (let i = 0; i < 60 && ended === 0; i += 1) {
        await pause(100);
        ended = (await postgres.sweep(client, [report.handle], limit())).reduce((n, one) => n + one.ended, 0);
      }
      assert.equal(ended, 1);
      const session = await late;
      if (session !== null) await assert.rejects(session.query('SELECT 1'));
      assert.equal(await sessionsThere(oid), 0);
    });

    it('names a standby that is down, and is over when it is back', async () => {
      const { handle } = await granted(TASKS.read);
      await onStandby.end();
      await standby.pause();
      const report = await postgres.revoke(client, handle, limit());
      assert.equal(report.observed, 'present');
      assert.deepEqual(seen(report.nodes), [
        ['primary', 'absent'],
        ['standby', 'unknown'],
      ]);
      assert.match(report.blockers[0] ?? '', new RegExp(`127.0.0.1:${standby.port}`));
      assert.equal((await postgres.inspect(client, report.handle, limit())).observed, 'present');
      const items = await postgres.check(client, limit(), []);
      assert.equal(items.find((item) => item.name === `standby 127.0.0.1:${standby.port}`)?.status, 'fail');
      await standby.start();
      onStandby = await superuserOf(standby);
      await over(report.handle);
    });

    async function over(handle: Parameters<typeof postgres.revoke>[1]): Promise<void> {
      for (let i = 0; ; i += 1) {
        const report = await postgres.revoke(client, handle, limit());
        if (report.observed === 'absent') return;
        assert.ok(i < 5, JSON.stringify(report));
      }
    }

    it('ends sessions on the standby while the primary is down, and says that it is', async () => {
      const { plan, handle, oid } = await granted(TASKS.read);
      await replayed(oid);
      const session = await logIn(plan);
      await target.superuser.end();
      await target.server.pause();
      const report = await postgres.revoke(client, handle, limit());
      assert.equal(report.observed, 'present');
      assert.deepEqual(seen(report.nodes), [
        ['primary', 'unknown'],
        ['standby', 'present'],
      ]);
      assert.equal(report.sessionsEnded, 1);
      assert.match(report.blockers[0] ?? '', new RegExp(`primary 127.0.0.1:${target.server.port}`));
      await assert.rejects(session.query('SELECT 1'));
      const down = (error: unknown) => error instanceof Failure && error.code === 'target-down';
      await assert.rejects(postgres.grant(client, planOf(TASKS.read), limit()), down);
      await assert.rejects(postgres.inspect(client, handle, limit()), down);
      await onStandby.end();
      await standby.pause();
      await assert.rejects(postgres.revoke(client, handle, limit()), down);
      await target.server.start();
      await standby.start();
      target.superuser = await superuserOf(target.server);
      onStandby = await superuserOf(standby);
      await over(report.handle);
    });

    it('checks every node, and tells of a standby that nobody named', async () => {
      const named = await postgres.check(client, limit(), []);
      assert.equal(named.find((item) => item.name === 'standbys')?.status, 'ok', JSON.stringify(named));
      assert.equal(named.find((item) => item.name === `standby 127.0.0.1:${standby.port}`)?.status, 'ok');
      const { nodes: _, ...settings } = target.access.settings;
      const unnamed = postgres.connect({ ...target.access, settings });
      try {
        const items = await postgres.check(unnamed, limit(), []);
        assert.equal(items.find((item) => item.name === 'standbys')?.status, 'warn');
      } finally {
        await postgres.disconnect(unnamed);
      }
    });

    it('ends nothing on a server of another cluster that was named by mistake', {
      skip: skipWithout('postgres15'),
    }, async () => {
      const other = await startPostgres({ version: version === 15 ? 18 : 15 });
      const stranger = await superuserOf({ ...other, url: () => other.adminUrl });
      try {
        await stranger.query(
          `CREATE ROLE ${target.access.admin.user} SUPERUSER LOGIN PASSWORD '${target.access.admin.password.reveal()}'`,
        );
        await stranger.query('CREATE DATABASE app');
        const { handle } = await granted(TASKS.read);
        // The same number means the other server's own superuser there.
        const here = await stranger.query(
          "SELECT oid::int8::int AS oid FROM pg_roles WHERE rolname = 'postgres'",
        );
        const strange = { ...handle, oid: here.rows[0].oid };
        const wrong = postgres.connect({
          ...target.access,
          settings: { ...target.access.settings, nodes: [{ host: '127.0.0.1', port: other.port }] },
        });
        try {
          const swept = await postgres.sweep(wrong, [strange], limit());
          assert.deepEqual(swept, []);
          const report = await postgres.revoke(wrong, handle, limit());
          assert.equal(report.observed, 'present');
          assert.match(report.blockers[0] ?? '', /another cluster/);
          assert.equal((await stranger.query('SELECT 1')).rowCount, 1, 'its session lives');
          const items = await postgres.check(wrong, limit(), []);
          assert.match(JSON.stringify(items), /another cluster/);
        } finally {
          await postgres.disconnect(wrong);
        }
        await over(handle);
      } finally {
        await stranger.end();
        await other.stop();
      }
    });

    it('takes the OID of another cluster for nobody here', async () => {
      await target.superuser.query('CREATE ROLE innocent LOGIN');
      const { rows } = await target.superuser.query(
        "SELECT oid::int8::int AS oid FROM pg_roles WHERE rolname = 'innocent'",
      );
      const plan = planOf(TASKS.read);
      const handle = { ...plan.handle, oid: rows[0].oid, cluster: '1' };
      const alone = postgres.connect({
        ...target.access,
        settings: { ...target.access.settings, nodes: [] },
      });
      try {
        const report = await postgres.revoke(alone, handle, limit());
        assert.equal(report.observed, 'absent');
        assert.match(report.leftBehind[0] ?? '', /cluster/);
      } finally {
        await postgres.disconnect(alone);
      }
      const left = await target.superuser.query(
        "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'innocent'",
      );
      assert.equal(left.rows[0]?.rolcanlogin, true);
    });
  });
}
