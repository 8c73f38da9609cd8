// The end of a session, whatever it is doing: cut at its deadline, by the store or without it, and nothing commits
// later than a second after. Every case asks the target itself what is left.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { startWorld, type World, type WorldGrant } from '../../test/harness/gateway-world.ts';
import { skipWithout } from '../../test/harness/services.ts';
import { fields, int, logInByWire, msg, openWire, type Wire } from '../../test/harness/wire.ts';
import { monotonicMs } from '../base/timer.ts';
import { streamSockets } from './fast-socket.ts';

const LATEST_CUT_MS = 1_000;

async function until(look: () => Promise<boolean>, timeoutMs: number): Promise<number> {
  const from = monotonicMs();
  while (!(await look())) {
    if (monotonicMs() - from > timeoutMs) throw new Error('it never came');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return monotonicMs() - from;
}

for (const version of [15, 18] as const) {
  describe(`cuts on PostgreSQL ${version}`, {
    skip: version === 15 ? skipWithout('postgres15') : false,
  }, () => {
    let world: World;
    before(async () => {
      // On the older one by streams, so that both ways (fast-socket.ts) are held to the same.
      world = await startWorld({ version, gateway: version === 15 ? { sockets: streamSockets } : {} });
    });
    after(() => world.stop());

    async function backends(grant: WorldGrant): Promise<number> {
      const { rows } = await world.admin.query(
        'select count(*)::int as n from pg_stat_activity where usename = $1',
        [grant.login],
      );
      return rows[0].n;
    }

    async function notes(like: string): Promise<number> {
      const { rows } = await world.admin.query('select count(*)::int as n from orders where note like $1', [
        like,
      ]);
      return rows[0].n;
    }

    async function session(forMs: number): Promise<{ grant: WorldGrant; wire: Wire }> {
      const grant = await world.grant({ forMs });
      const wire = await openWire(world.gateway.port);
      await logInByWire(wire, grant.login, grant.secret);
      return { grant, wire };
    }

    /** The client is told and closed, and the backend is gone, within a second of the deadline. */
    async function assertCut(
      grant: WorldGrant,
      wire: Wire,
      says = /Your access ended at \d\d:\d\d UTC/,
    ): Promise<void> {
      const told = await wire.rest();
      const lateMs = monotonicMs() - grant.endsAt;
      assert.ok(lateMs > -300 && lateMs < LATEST_CUT_MS, `cut ${lateMs} ms after the deadline`);
      const last = fields(told.at(-1));
      assert.equal(last.S, 'FATAL');
      assert.equal(last.C, '57P01');
      assert.match(last.M ?? '', says);
      await until(async () => (await backends(grant)) === 0, LATEST_CUT_MS);
    }

    const doing: Record<string, (wire: Wire) => void> = {
      idle: () => undefined,
      'busy with one long statement': (wire) => wire.send(msg('Q', 'select pg_sleep(30)')),
      'in a transaction': (wire) => wire.send(msg('Q', "begin; insert into orders (note) values ('cut tx')")),
      'with an open cursor': (wire) =>
        wire.send(msg('Q', 'begin; declare c cursor for select * from orders; fetch 3 from c')),
      'in the middle of COPY': (wire) =>
        wire.send(msg('Q', 'copy orders (note) from stdin'), msg('d', Buffer.from('cut copy\n'))),
      'with half a message sent': (wire) => wire.send(msg('Q', 'select 1').subarray(0, 9)),
      'with an open pipeline': (wire) => wire.send(msg('P', '', 'select 1', int(0, 2)), msg('H')),
    };
    for (const [what, act] of Object.entries(doing)) {
      test(`at the deadline: ${what}`, async () => {
        const { grant, wire } = await session(900);
        act(wire);
        await assertCut(grant, wire);
        assert.equal(await notes('cut %'), 0);
      });
    }

    test('at the deadline, with the store away', async () => {
      const { grant, wire } = await session(900);
      wire.send(msg('Q', "begin; insert into orders (note) values ('cut away')"));
      await wire.until('Z');
      world.storeAway = true;
      try {
        await assertCut(grant, wire);
      } finally {
        world.storeAway = false;
      }
      assert.equal(await notes('cut %'), 0);
    });

    test('at once when the grant is ended, and when the session is', async () => {
      const first = await session(60_000);
      first.wire.send(msg('Q', 'select pg_sleep(30)'));
      first.grant.endsAt = monotonicMs();
      world.endGrant(first.grant, 'no longer needed');
      await assertCut(first.grant, first.wire, /^Your access was ended: no longer needed$/);

      const second = await session(60_000);
      const live = world.gateway.live().find((one) => one.ticket.grantId === second.grant.id);
      second.grant.endsAt = monotonicMs();
      world.endSession(live?.ticket.sessionId ?? '', 'please stop');
      await assertCut(second.grant, second.wire, /^This session was ended: please stop$/);
    });

    test('within the poll when no event comes, and later when the grant is extended', async () => {
      const lost = await session(60_000);
      lost.grant.over = true;
      lost.grant.endsAt = monotonicMs() + 1_100;
      lost.grant.endsAt = monotonicMs() + 1_000;
      const told = await lost.wire.rest();
      assert.equal(fields(told.at(-1)).C, '57P01');

      const unheard = await session(60_000);
      const live = world.gateway.live().find((one) => one.ticket.grantId === unheard.grant.id);
      await world.db
        .updateTable('sessions')
        .set({ ending: 'please stop' })
        .where('id', '=', live?.ticket.sessionId ?? '')
        .execute();
      unheard.grant.endsAt = monotonicMs() + 1_000;
      await assertCut(unheard.grant, unheard.wire, /^This session was ended: please stop$/);

      const extended = await session(1_500);
      extended.grant.endsAt += 1_500;
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      extended.wire.send(msg('Q', 'select 1'));
      assert.equal((await extended.wire.until('Z')).map((m) => m.type).join(''), 'TDCZ');
      await assertCut(extended.grant, extended.wire);
    });

    test('nothing commits later than a second after: pipelined, running, blocked, and held up', async () => {
      const forMs = 1_000;
      const many = await Promise.all(Array.from({ length: 4 }, () => session(forMs)));
      const [pipelined, running, blocked, copying] = many;
      if (pipelined === undefined || running === undefined || blocked === undefined || copying === undefined)
        return;
      const insert = (note: string) => msg('Q', `insert into orders (note) values ('${note}')`);
      // A pipeline of statements that each commit by themselves, far longer than the time that is left.
      pipelined.wire.send(
        ...Array.from({ length: 300 }, (_, i) =>
          msg(
            'Q',
            `with s as (select pg_sleep(0.02)) insert into orders (note) select 'late pipelined ${i}' from s`,
          ),
        ),
      );
      // One statement that would take longer, and a COMMIT already behind it.
      running.wire.send(
        msg('Q', 'begin'),
        msg('Q', "insert into orders (note) select 'late running' from pg_sleep(3)"),
        msg('Q', 'commit'),
      );
      // A client that does not read while rows pour in, with an insert behind.
      blocked.wire.socket.pause();
      blocked.wire.send(
        msg('Q', "select repeat('x', 1000) from generate_series(1, 300000)"),
        insert('late blocked'),
      );
      // COPY whose data go on and on, and end just after.
      copying.wire.send(msg('Q', 'copy orders (note) from stdin'));
      const feed = setInterval(
        () => copying.wire.send(msg('d', Buffer.from('late copied\n'.repeat(500)))),
        5,
      );

      const deadline = Math.max(...many.map((one) => one.grant.endsAt));
      await new Promise((resolve) => setTimeout(resolve, deadline - monotonicMs() + 20));
      copying.wire.send(msg('c'));
      clearInterval(feed);
      const atDeadline = await notes('late pipelined %');
      assert.ok(atDeadline > 5, 'the pipeline was at work');
      await until(
        async () => (await Promise.all(many.map((one) => backends(one.grant)))).every((n) => n === 0),
        LATEST_CUT_MS,
      );
      const soonAfter = await notes('late %');
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      assert.equal(await notes('late %'), soonAfter, 'nothing came later');
      assert.ok(
        (await notes('late pipelined %')) - atDeadline <= 2,
        'at most what was running at the deadline',
      );
      assert.equal(await notes('late running'), 0);
      assert.equal(await notes('late blocked'), 0);
      assert.equal(await notes('late copied'), 0);
      blocked.wire.socket.destroy();
    });

    test('a session that ends while the target cannot be cancelled is reset all the same', async () => {
      const { grant, wire } = await session(900);
      const { rows } = await world.admin.query('select pid from pg_stat_activity where usename = $1', [
        grant.login,
      ]);
      assert.equal(rows.length, 1);
      wire.send(msg('Q', 'do_not_parse'), msg('Q', 'select pg_sleep(30)'));
      await assertCut(grant, wire);
    });

    test('stopping the gateway cuts everything with its message', async () => {
      const other = await world.another({});
      const grant = await world.grant();
      const wire = await openWire(other.port);
      await logInByWire(wire, grant.login, grant.secret);
      const idle = new pg.Client({
        connectionString: world.url(grant).replace(`:${world.gateway.port}/`, `:${other.port}/`),
      });
      const failed = new Promise<Error>((resolve) => idle.on('error', resolve));
      await idle.connect();
      wire.send(msg('Q', 'select pg_sleep(30)'));
      const from = monotonicMs();
      await other.stop('Sallyport is stopping.');
      assert.ok(monotonicMs() - from < 2_000);
      assert.equal(fields((await wire.rest()).at(-1)).M, 'Sallyport is stopping.');
      assert.match((await failed).message, /Sallyport is stopping|terminated/);
      await until(async () => (await backends(grant)) === 0, LATEST_CUT_MS);
      await until(async () => {
        const open = await world.db
          .selectFrom('sessions')
          .select('id')
          .where('grant_id', '=', grant.id)
          .where('ended_at', 'is', null)
          .execute();
        return open.length === 0;
      }, 2_000);
    });
  });
}
