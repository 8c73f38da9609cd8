// How many may watch one session at a time, also when they all begin in the same moment.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startWorld, type World } from '../../test/harness/gateway-world.ts';
import { logInByWire, msg, openWire } from '../../test/harness/wire.ts';
import type { Session } from '../api/sessions.ts';
import { codeOf } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Caller } from '../grants/submit.ts';
import { watchSession } from './watch.ts';

const WATCHERS = 30;
const MOST = 20;

describe('watching', () => {
  let world: World;
  before(async () => {
    world = await startWorld({ version: 18 });
  });
  after(() => world.stop());

  async function watcher(n: number): Promise<Caller> {
    const id = newId('principal');
    const name = `watcher-${n}`;
    await world.db
      .insertInto('principals')
      .values({ id, kind: 'person', name, display_name: name })
      .execute();
    const nobody = { title: null, managerId: null, sponsorId: null, samePersonAs: null };
    const principal = {
      ...{ id, kind: 'person' as const, name, displayName: name, accountType: 'user', ...nobody },
      ...{ sponsors: [], onCallFor: [], groups: [], attributes: {} },
    };
    return {
      principal: principal as unknown as Caller['principal'],
      sourceAddress: '127.0.0.1',
      mfaAgeSeconds: null,
    };
  }

  test('thirty who begin at once: twenty watch, the others are told why, and a place that is free is taken', async () => {
    const grant = await world.grant();
    const wire = await openWire(world.gateway.port);
    await logInByWire(wire, grant.login, grant.secret);
    const row = await world.db
      .selectFrom('sessions')
      .select(['id', 'target_id'])
      .where('grant_id', '=', grant.id)
      .executeTakeFirstOrThrow();
    const seen = {
      id: row.id,
      grantId: grant.id,
      live: true,
      target: 'orders-db',
      principal: { name: 'engineer' },
    };
    const look = async () => ({ session: seen as unknown as Session, targetId: row.target_id });
    const watch = (by: Caller) =>
      watchSession(world.db, by, look, { after: 0, wait: 0 }, AbortSignal.timeout(60_000));
    const watchers = await Promise.all(Array.from({ length: WATCHERS }, (_, n) => watcher(n)));
    const all = await Promise.allSettled(watchers.map((by) => watch(by)));
    const refused = all.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    assert.equal(all.length - refused.length, MOST);
    for (const error of refused) {
      assert.equal(codeOf(error), 'too-many-watchers');
      assert.equal(error.kind, 'limit');
      assert.match(error.message, /^20 people watch this session already\.$/);
    }

    // Who watches already goes on.
    const [inside] = watchers.filter((_, n) => all[n]?.status === 'fulfilled');
    const [outside] = watchers.filter((_, n) => all[n]?.status === 'rejected');
    assert.ok(inside !== undefined && outside !== undefined);
    assert.equal((await watch(inside)).watchers, MOST);
    await assert.rejects(watch(outside), { code: 'too-many-watchers' });
    await world.db
      .updateTable('session_watches')
      .set({ until: new Date(Date.now() - 1_000) })
      .where('principal_id', '=', inside.principal.id)
      .execute();
    assert.equal((await watch(outside)).watchers, MOST);
    wire.send(msg('X'));
  });
});
