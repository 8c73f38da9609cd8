// Many logins that end at the same moment, more than there are connections: they go together, and each ends as it would
// have ended alone, whatever the others are like.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type PostgresTarget, startPostgresTarget, TASKS } from '../../../../test/harness/postgres-target.ts';
import { skipWithout } from '../../../../test/harness/services.ts';
import { planOf } from '../../conformance.ts';
import type { Handle, RevokeReport } from '../../contract.ts';
import { type PostgresClient, withConnection } from './client.ts';
import { postgres } from './postgres.ts';

const MANY = 60;
const limit = () => AbortSignal.timeout(30_000);

for (const version of [18, 15] as const) {
  const skip = version === 15 ? skipWithout('postgres15') : false;
  describe(`PostgreSQL ${version}: logins that end together`, { skip }, () => {
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

    async function granted(task = TASKS.read) {
      const plan = planOf(task);
      const { handle } = await postgres.grant(client, plan, limit());
      return { plan, handle, session: () => target.logIn(plan.login, plan.password) };
    }

    async function many(count: number) {
      const grants: Awaited<ReturnType<typeof granted>>[] = [];
      while (grants.length < count)
        grants.push(...(await Promise.all(Array.from({ length: Math.min(8, count) }, () => granted()))));
      return grants.slice(0, count);
    }

    const revokeAll = (handles: Handle[], signal = limit()): Promise<RevokeReport[]> =>
      Promise.all(handles.map((handle) => postgres.revoke(client, handle, signal)));

    async function roles(handles: Handle[]): Promise<number> {
      const { rows } = await target.superuser.query(
        `SELECT count(*)::int AS n FROM pg_authid WHERE oid = ANY($1::oid[])`,
        [handles.map(({ oid }) => oid)],
      );
      return rows[0].n;
    }

    /** How many transactions that wrote the target has seen meanwhile. */
    async function writesOf(act: () => Promise<unknown>): Promise<number> {
      const count = async () => {
        const { rows } = await target.superuser.query(
          'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS n',
        );
        return Number(rows[0].n);
      };
      const from = await count();
      await act();
      return (await count()) - from;
    }

    it('takes a fraction of the transactions that they take alone', async () => {
      const [one] = await many(1);
      assert.ok(one !== undefined);
      assert.equal(await writesOf(() => postgres.revoke(client, one.handle, limit())), 2);
      const handles = (await many(MANY)).map(({ handle }) => handle);
      const writes = await writesOf(async () => {
        for (const { observed } of await revokeAll(handles)) assert.equal(observed, 'absent');
      });
      assert.equal(await roles(handles), 0);
      assert.ok(writes <= MANY, `${writes} for ${MANY}`);
    });

    it('ends the sessions of each, and says of how many', async () => {
      const all = await many(MANY);
      const busy = all.filter((_, n) => n % 6 === 0);
      const sessions = await Promise.all(busy.flatMap(({ session }) => [session(), session()]));
      const reports = await revokeAll(all.map(({ handle }) => handle));
      for (const [n, { observed, sessionsEnded }] of reports.entries()) {
        assert.equal(observed, 'absent');
        assert.equal(sessionsEnded, n % 6 === 0 ? 2 : 0, `login ${n}`);
      }
      for (const session of sessions) {
        await assert.rejects(session.query('SELECT 1'));
        await session.end();
      }
      assert.equal(await roles(all.map(({ handle }) => handle)), 0);
    });

    it('leaves what is not ours among them, and ends the others', async () => {
      const all = await many(MANY);
      const [foreign, renamed, gone, blocked, owns] = all;
      assert.ok(foreign && renamed && gone && blocked && owns);
      const { superuser } = target;
      const mark = `sallyport:{"installation":"somebody-else","epoch":1,"grant":"x"}`;
      await superuser.query(`COMMENT ON ROLE "${foreign.plan.login}" IS '${mark}'`);
      await superuser.query(`ALTER ROLE "${renamed.plan.login}" RENAME TO renamed_by_hand_${version}`);
      await superuser.query(`DROP ROLE "${gone.plan.login}"`);
      // Something hangs on it.
      await superuser.query(`GRANT CREATE ON SCHEMA public TO "${owns.plan.login}"`);
      const holder = await target.open('app');
      await holder.query(`BEGIN; ALTER ROLE "${blocked.plan.login}" CONNECTION LIMIT 5`);
      const session = await foreign.session();
      const reports = await revokeAll(all.map(({ handle }) => handle));
      assert.equal(reports[0]?.observed, 'present');
      assert.match(reports[0]?.blockers[0] ?? '', /mark of another installation/);
      await session.query('SELECT 1');
      await session.end();
      assert.equal(reports[3]?.observed === 'absent', false);
      assert.equal(reports[4]?.observed, 'inert');
      assert.match(reports[4]?.blockers[0] ?? '', /rights on schema public/);
      for (const [n, { observed, blockers }] of reports.entries())
        if (![0, 3, 4].includes(n)) assert.equal(observed, 'absent', `login ${n}: ${blockers}`);
      await holder.query('ROLLBACK');
      await holder.end();
      const again = await postgres.revoke(client, blocked.handle, limit());
      assert.equal(again.observed, 'absent');
      await superuser.query(`DROP ROLE "${foreign.plan.login}"`);
    });

    it('lets each give up alone', async () => {
      const all = await many(MANY);
      const givesUp = new AbortController();
      const first = all.slice(0, 20).map(({ handle }) => postgres.revoke(client, handle, givesUp.signal));
      const rest = revokeAll(all.slice(20).map(({ handle }) => handle));
      givesUp.abort();
      for (const one of await Promise.allSettled(first))
        if (one.status === 'rejected') assert.equal(one.reason.code, 'target-aborted');
      for (const { observed } of await rest) assert.equal(observed, 'absent');
      for (const { observed } of await revokeAll(all.map(({ handle }) => handle)))
        assert.equal(observed, 'absent');
      assert.equal(await roles(all.map(({ handle }) => handle)), 0);
      // Nothing is left of those who gave up: a connection is free again.
      await withConnection(client, limit(), (connection) => connection.rows('SELECT 1'));
    });
  });
}
