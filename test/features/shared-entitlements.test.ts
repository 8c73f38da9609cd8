// Entitlements that grants share: never gone while somebody holds them, never there when nobody does; whatever the order
// of two grants, wherever a crash comes, and also where the right was there before.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { Failure } from '../../src/base/errors.ts';
import { Secret } from '../../src/base/secret.ts';
import { sharedConformance } from '../../src/connectors/conformance.ts';
import { bindKind } from '../../src/connectors/registry.ts';
import { grantState } from '../../src/grants/transitions.ts';
import { dialDirect } from '../../src/targets/dial.ts';
import { type LedgerWorld, startLedgerWorld } from '../harness/ledger-world.ts';
import { startPostgres, type TestPostgres } from '../harness/postgres.ts';
import { directoryKind, membershipKind } from '../harness/shared-kinds.ts';

const KEY = 'alice:reports';
const ENTITLEMENT = { member: 'alice', group: 'reports' };
const { connector: directoryConnector, directory } = directoryKind();
const membership = membershipKind();
let world: LedgerWorld;
let postgres: TestPostgres;
let admin: pg.Client;

before(async () => {
  [world, postgres] = await Promise.all([
    startLedgerWorld([bindKind(directoryConnector), bindKind(membership)]),
    startPostgres({ version: 18 }),
  ]);
  admin = new pg.Client(postgres.adminUrl);
  await admin.connect();
  await admin.query('CREATE ROLE alice LOGIN; CREATE ROLE reports; CREATE ROLE conformer');
});
after(async () => {
  await admin.end();
  await world.stop();
  await postgres.stop();
});

const postgresAccess = () => {
  const { username, password } = new URL(postgres.adminUrl);
  return {
    settings: { host: '127.0.0.1', port: postgres.port },
    admin: { user: username, password: new Secret(decodeURIComponent(password)) },
  };
};
const belongs = async (member: string) =>
  ((
    await admin.query(
      `select 1 from pg_auth_members where member = '${member}'::regrole and roleid = 'reports'::regrole`,
    )
  ).rowCount ?? 0) > 0;

sharedConformance('PostgreSQL memberships', membership, async () => ({
  access: {
    id: 'tgt_test',
    name: 'shared',
    mark: { installation: 'ins_test', epoch: 1 },
    dial: dialDirect,
    ...postgresAccess(),
  },
  entitlement: { member: 'conformer', group: 'reports' },
  there: () => belongs('conformer'),
  stop: async () => undefined,
}));

const state = async (id: string) => grantState(await world.see(id));
const lastError = async (id: string) => (await world.see(id)).last_error ?? '';

/** Both kinds behave alike; the directory can be interfered with besides. */
for (const kind of ['directory', 'postgres-membership'] as const) {
  describe(`a counted ledger on ${kind}`, () => {
    let targetId: string;
    let taskId: string;
    const there = async () => (kind === 'directory' ? directory.members.has(KEY) : belongs('alice'));

    before(async () => {
      const { settings, admin: login } = postgresAccess();
      targetId = await world.addTarget(`target-${kind}`, kind, settings, login);
      taskId = await world.addTask(`task-${kind}`, kind, ENTITLEMENT);
    });

    async function active(): Promise<string> {
      const id = await world.intend(targetId, taskId);
      await world.step(id);
      assert.equal(await state(id), 'active', await lastError(id));
      return id;
    }
    async function over(id: string): Promise<void> {
      await world.end(id);
      for (let i = 0; (await state(id)) !== 'revoked'; i += 1) {
        assert.ok(i < 10, await lastError(id));
        await world.step(id);
      }
    }

    test('the first expiry leaves the second whole; the last takes the right away', async () => {
      const [first, second] = [await active(), await active()];
      assert.equal(await there(), true);
      await over(first);
      assert.equal(await there(), true);
      assert.equal(await state(second), 'active');
      await over(second);
      assert.equal(await there(), false);
    });

    test('many at once, coming and going: there exactly while somebody holds it', async () => {
      const settle = async (id: string, wanted: string) => {
        for (let i = 0; (await state(id)) !== wanted; i += 1) {
          assert.ok(i < 200, `${await state(id)}: ${await lastError(id)}`);
          await world.step(id);
          await delay(5);
        }
      };
      const ids = await Promise.all(Array.from({ length: 6 }, () => world.intend(targetId, taskId)));
      await Promise.all(ids.map((id) => settle(id, 'active')));
      assert.equal(await there(), true);
      const [keeper = '', ...others] = ids;
      const more = await Promise.all(Array.from({ length: 3 }, () => world.intend(targetId, taskId)));
      await Promise.all([
        ...others.map(async (id) => {
          await world.end(id);
          await settle(id, 'revoked');
        }),
        ...more.map((id) => settle(id, 'active')),
      ]);
      assert.equal(await there(), true, 'four hold it');
      await Promise.all(
        [keeper, ...more].map(async (id) => {
          await world.end(id);
          await settle(id, 'revoked');
        }),
      );
      assert.equal(await there(), false);
      const left = await world.ctx.db.selectFrom('shared_holders').selectAll().execute();
      assert.deepEqual(left, []);
    });

    test('removed by hand while it is held: told, and the grants end', async () => {
      const [first, second] = [await active(), await active()];
      if (kind === 'directory') directory.members.delete(KEY);
      else await admin.query('REVOKE reports FROM alice');
      await world.patrol();
      for (const id of [first, second]) {
        assert.equal((await world.see(id)).end_reason, 'account-vanished');
        assert.equal((await world.told(id, 'grant.account-vanished')).length, 1);
        await over(id);
      }
      assert.equal(await there(), false, 'it is not made again');
    });

    test('what was there before any grant stays after the last', async () => {
      if (kind === 'directory') directory.members.add(KEY);
      else await admin.query('GRANT reports TO alice');
      await over(await active());
      assert.equal(await there(), true);
      if (kind === 'directory') directory.members.delete(KEY);
      else await admin.query('REVOKE reports FROM alice');
      await over(await active());
      assert.equal(await there(), false);
    });
  });
}

describe('crashes and failures', () => {
  let targetId: string;
  let taskId: string;
  before(async () => {
    const { settings, admin: login } = postgresAccess();
    targetId = await world.addTarget('fragile', 'directory', settings, login);
    taskId = await world.addTask('fragile-task', 'directory', ENTITLEMENT);
  });
  beforeEach(() => {
    directory.before = async () => undefined;
    directory.calls.length = 0;
  });

  const down = () => {
    throw new Failure('unavailable', 'target-down', 'It is down.');
  };
  const settled = async (id: string) => {
    for (let i = 0; (await state(id)) !== 'revoked'; i += 1) {
      assert.ok(i < 10, await lastError(id));
      await world.step(id);
    }
  };
  /** As a lease that a dead worker left, once it has run out. */
  const leaseOver = () =>
    world.ctx.db.updateTable('shared_entitlements').set({ lease_until: null }).execute();

  test('the target fails while the right is put there: not active, and whole at the next try', async () => {
    directory.before = async () => down();
    const id = await world.intend(targetId, taskId);
    assert.equal(await world.step(id), 'failed');
    assert.equal(await state(id), 'granting');
    directory.before = async () => undefined;
    await world.step(id);
    assert.equal(await state(id), 'active');
    directory.before = async (act) => (act === 'take' ? down() : undefined);
    await world.end(id);
    assert.equal(await world.step(id), 'failed');
    assert.equal(await state(id), 'revoking');
    assert.equal(directory.members.has(KEY), true);
    directory.before = async () => undefined;
    await settled(id);
    assert.equal(directory.members.has(KEY), false);
  });

  test('the worker dies after the target has changed and before the store knows', async () => {
    for (const act of ['put', 'take'] as const) {
      const id = await world.intend(targetId, taskId);
      if (act === 'take') await world.step(id);
      if (act === 'take') await world.end(id);
      // It changes, and the answer is lost with whoever waited for it.
      directory.before = async (now, key) => {
        if (now !== act) return;
        if (act === 'put') directory.members.add(key);
        else directory.members.delete(key);
        throw new Failure('timeout', 'target-aborted', 'Nobody waited for the answer.');
      };
      assert.equal(await world.step(id), 'failed');
      directory.before = async () => undefined;
      assert.equal(await world.step(id), 'failed', 'what was given up may still happen: the lease stands');
      assert.match(await lastError(id), /Another grant is changing/);
      await leaseOver();
      await world.step(id);
      assert.equal(await state(id), act === 'put' ? 'active' : 'revoked', await lastError(id));
      if (act === 'put') {
        await world.end(id);
        await settled(id);
      }
      assert.equal(directory.members.has(KEY), false);
    }
  });

  test('a second grant that comes while the last one is leaving has the right in the end', async () => {
    const first = await world.intend(targetId, taskId);
    await world.step(first);
    await world.end(first);
    const second = await world.intend(targetId, taskId);
    directory.before = async (act) => {
      if (act !== 'take') return;
      directory.before = async () => undefined;
      // It becomes a holder, and finds that another is at work.
      assert.equal(await world.step(second), 'failed');
    };
    await world.step(first);
    assert.equal(await state(first), 'revoked', await lastError(first));
    assert.equal(directory.members.has(KEY), true, 'whoever was at work saw the new holder and put it back');
    await world.step(second);
    assert.equal(await state(second), 'active', await lastError(second));
    await world.end(second);
    await settled(second);
    assert.equal(directory.members.has(KEY), false);
  });

  test('a grant that ends while it is being made leaves nothing', async () => {
    const id = await world.intend(targetId, taskId);
    directory.before = async (act) => {
      if (act === 'put') await world.end(id);
    };
    await world.step(id);
    directory.before = async () => undefined;
    assert.equal(await state(id), 'revoking');
    await settled(id);
    assert.equal(directory.members.has(KEY), false);
    assert.deepEqual(await world.ctx.db.selectFrom('shared_holders').selectAll().execute(), []);
  });

  test('a worker that wakes after its lease writes nothing', async () => {
    const id = await world.intend(targetId, taskId);
    directory.before = async () => {
      // Another took the key over meanwhile.
      await world.ctx.db
        .updateTable('shared_entitlements')
        .set((eb) => ({ version: eb('version', '+', 1) }))
        .where('target_id', '=', targetId)
        .execute();
    };
    assert.equal(await world.step(id), 'failed');
    assert.equal(await state(id), 'granting');
    directory.before = async () => undefined;
    await leaseOver();
    await world.step(id);
    assert.equal(await state(id), 'active');
    await world.end(id);
    await settled(id);
  });
});
