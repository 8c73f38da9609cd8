// The suite that every connector passes, whatever its kind: the same promises, tried on a real target that the
// fixture starts. It registers tests with `node:test`; a connector's own test file calls it and adds its own facts.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { inspect as print } from 'node:util';
import { Failure } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { Secret } from '../base/secret.ts';
import type { Connector, GrantPlan, TargetAccess } from './contract.ts';

/** A session that somebody holds on the target with a grant's own credential. */
export interface HeldSession {
  /** Does it still work? Asks the target. */
  works(): Promise<boolean>;
  close(): Promise<void>;
}

export interface ConformanceTarget<Settings, Entitlement> {
  access: TargetAccess<Settings>;
  /** Something harmless that a grant may do there. */
  entitlement: Entitlement;
  /** Settings under which nothing answers. */
  nowhere: Settings;
  /** Logs in past everything of ours. Rejects when the target refuses. */
  logIn(login: string, password: Secret): Promise<HeldSession>;
  stop(): Promise<void>;
}

const LIMIT_MS = 20_000;
/** lifecycle.md: inert within 5 s. */
const INERT_LIMIT_MS = 5_000;
const ABORT_AFTER_MS = 100;
/** Giving up is at once; this leaves room for a busy machine. */
const ABORT_LIMIT_MS = 2_000;
/** Revocations of one grant at the same time, and how often that is tried: their steps interleave by chance. */
const AT_ONCE = 4;
const AT_ONCE_ROUNDS = 15;

const limit = () => AbortSignal.timeout(LIMIT_MS);

/** A plan for a new grant, as the worker makes it. */
export function planOf<Entitlement>(
  entitlement: Entitlement,
  taskId: string = newId('task'),
): GrantPlan<Entitlement> {
  const grantId = newId('grant');
  const login = `sp_${grantId.slice(grantId.indexOf('_') + 1)}`;
  return {
    grantId,
    login,
    handle: { login, grantId },
    password: new Secret(randomBytes(32).toString('base64url')),
    taskId,
    entitlement,
    nativeExpirySeconds: 3_900,
    label: 'engineer read-orders',
  };
}

/** Registers the suite under `name`. `start` is called once; `stop` of what it gave at the end. */
export function conformance<Settings, Entitlement, Client>(
  name: string,
  connector: Connector<Settings, Entitlement, Client>,
  start: () => Promise<ConformanceTarget<Settings, Entitlement>>,
): void {
  describe(`${name}: conformance`, () => {
    let target: ConformanceTarget<Settings, Entitlement>;
    let client: Client;
    before(async () => {
      target = await start();
      client = connector.connect(target.access);
    });
    after(async () => {
      await connector.disconnect(client);
      await target.stop();
    });
    const opened = (change: Partial<TargetAccess<Settings>>) =>
      connector.connect({ ...target.access, ...change });

    it('grants: the credential works, and the handle finds it again', async () => {
      const plan = planOf(target.entitlement);
      const granted = await connector.grant(client, plan, limit());
      assert.equal(granted.observed, 'present');
      assert.equal((await connector.inspect(client, granted.handle, limit())).observed, 'present');
      assert.deepEqual(await connector.altered(client, [{ ...plan, handle: granted.handle }], limit()), []);
      const session = await target.logIn(plan.login, plan.password);
      assert.equal(await session.works(), true);
      await session.close();
      const report = await connector.revoke(client, granted.handle, limit());
      assert.equal(report.observed, 'absent');
    });

    it('grants twice: one identity, and it works', async () => {
      const plan = planOf(target.entitlement);
      await connector.grant(client, plan, limit());
      const again = await connector.grant(client, plan, limit());
      const session = await target.logIn(plan.login, plan.password);
      await session.close();
      const mine = (await connector.marked(client, limit())).filter((handle) => handle.login === plan.login);
      assert.equal(mine.length, 1);
      assert.equal((await connector.revoke(client, again.handle, limit())).observed, 'absent');
      assert.equal((await connector.inspect(client, plan.handle, limit())).observed, 'absent');
    });

    it('two grants of one task at the same time: the end of the first leaves the second whole', async () => {
      const taskId = newId('task');
      const [first, second] = [planOf(target.entitlement, taskId), planOf(target.entitlement, taskId)];
      const [a, b] = await Promise.all([
        connector.grant(client, first, limit()),
        connector.grant(client, second, limit()),
      ]);
      const session = await target.logIn(second.login, second.password);
      assert.equal((await connector.revoke(client, a.handle, limit())).observed, 'absent');
      assert.equal(await session.works(), true);
      const another = await target.logIn(second.login, second.password);
      await another.close();
      await connector.revoke(client, b.handle, limit());
      await session.close();
    });

    it('survives a crash after the grant: the first handle is enough to revoke', async () => {
      const plan = planOf(target.entitlement);
      await connector.grant(client, plan, limit());
      const restarted = opened({});
      try {
        const report = await connector.revoke(restarted, plan.handle, limit());
        assert.equal(report.observed, 'absent');
      } finally {
        await connector.disconnect(restarted);
      }
      await assert.rejects(target.logIn(plan.login, plan.password));
    });

    it('revokes many times, also at the same time: one effect', async () => {
      for (let round = 0; round < AT_ONCE_ROUNDS; round += 1) {
        const { handle } = await connector.grant(client, planOf(target.entitlement), limit());
        const all = Array.from({ length: AT_ONCE }, () => connector.revoke(client, handle, limit()));
        // One may still see another's work under way, and says so: reconcile then asks again.
        for (const report of await Promise.all(all)) assert.notEqual(report.observed, 'present');
        const last = await connector.revoke(client, handle, limit());
        assert.deepEqual([last.observed, last.sessionsEnded], ['absent', 0]);
      }
    });

    it('revokes what was never there: success', async () => {
      const plan = planOf(target.entitlement);
      const report = await connector.revoke(client, plan.handle, limit());
      assert.deepEqual([report.observed, report.sessionsEnded, report.blockers], ['absent', 0, []]);
      assert.equal((await connector.inspect(client, plan.handle, limit())).observed, 'absent');
    });

    it('ends open sessions, and the credential works nowhere after it', async (t) => {
      if (!connector.capabilities.endsSessions) return t.skip('this kind says that it cannot end sessions');
      const plan = planOf(target.entitlement);
      const { handle } = await connector.grant(client, plan, limit());
      const sessions = await Promise.all([1, 2, 3].map(() => target.logIn(plan.login, plan.password)));
      const startedAt = performance.now();
      const report = await connector.revoke(client, handle, limit());
      assert.ok(performance.now() - startedAt < INERT_LIMIT_MS);
      assert.equal(report.observed, 'absent');
      assert.ok(report.sessionsEnded >= 3);
      for (const session of sessions) assert.equal(await session.works(), false);
      await assert.rejects(target.logIn(plan.login, plan.password));
      for (const session of sessions) await session.close();
    });

    it('lists what carries our mark, and only that of our installation and epoch', async () => {
      const plan = planOf(target.entitlement);
      const { handle } = await connector.grant(client, plan, limit());
      const listed = async (change: Partial<TargetAccess<Settings>>) => {
        const other = opened(change);
        try {
          return (await connector.marked(other, limit())).some((item) => item.login === plan.login);
        } finally {
          await connector.disconnect(other);
        }
      };
      const { mark } = target.access;
      assert.equal(await listed({}), true);
      assert.equal(await listed({ mark: { ...mark, installation: `${mark.installation}2` } }), false);
      assert.equal(await listed({ mark: { ...mark, epoch: mark.epoch - 1 } }), false);
      assert.equal(await listed({ mark: { ...mark, epoch: mark.epoch + 1 } }), true);
      const orphan = (await connector.marked(client, limit())).find((item) => item.login === plan.login);
      assert.ok(orphan !== undefined);
      assert.equal((await connector.revoke(client, orphan, limit())).observed, 'absent');
      assert.equal((await connector.inspect(client, handle, limit())).observed, 'absent');
    });

    it('does not revoke what another installation made', async () => {
      const plan = planOf(target.entitlement);
      const { handle } = await connector.grant(client, plan, limit());
      const stranger = opened({ mark: { installation: 'somebody-else', epoch: 1 } });
      try {
        await connector.revoke(stranger, plan.handle, limit());
        await connector.revoke(stranger, handle, limit());
      } finally {
        await connector.disconnect(stranger);
      }
      const session = await target.logIn(plan.login, plan.password);
      await session.close();
      assert.equal((await connector.revoke(client, handle, limit())).observed, 'absent');
    });

    it('renews a grant, and not one that is gone', async () => {
      const plan = planOf(target.entitlement);
      const { handle } = await connector.grant(client, { ...plan, nativeExpirySeconds: 1 }, limit());
      await connector.renew(client, handle, 3_600, limit());
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const session = await target.logIn(plan.login, plan.password);
      await session.close();
      await connector.revoke(client, handle, limit());
      await assert.rejects(connector.renew(client, handle, 3_600, limit()), Failure);
    });

    it('expires by itself where the kind says so', async (t) => {
      if (!connector.capabilities.nativeExpiry) return t.skip('this kind has no expiry of its own');
      const plan = planOf(target.entitlement);
      const { handle } = await connector.grant(client, { ...plan, nativeExpirySeconds: 1 }, limit());
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      await assert.rejects(target.logIn(plan.login, plan.password));
      assert.equal((await connector.revoke(client, handle, limit())).observed, 'absent');
    });

    it('finds nothing to sweep after an ordinary end', async () => {
      const plan = planOf(target.entitlement);
      const { handle } = await connector.grant(client, plan, limit());
      await connector.revoke(client, handle, limit());
      const swept = await connector.sweep(client, [handle, plan.handle], limit());
      assert.deepEqual(
        swept.filter((item) => item.ended > 0),
        [],
      );
    });

    it('says that nothing of nobody runs, where it can say so', async () => {
      assert.equal((await connector.strays?.(client, limit())) ?? false, false);
    });

    it('says that a target is down, in every verb, without a secret', async () => {
      const secret = randomBytes(16).toString('hex');
      const admin = { ...target.access.admin, password: new Secret(secret) };
      const down = opened({ settings: target.nowhere, admin });
      const plan = planOf(target.entitlement);
      const verbs = [
        () => connector.grant(down, plan, limit()),
        () => connector.revoke(down, plan.handle, limit()),
        () => connector.inspect(down, plan.handle, limit()),
        () => connector.renew(down, plan.handle, 60, limit()),
        () => connector.sweep(down, [{ ...plan.handle, oid: 4_000_000 }], limit()),
        () => connector.altered(down, [{ ...plan, handle: { ...plan.handle, oid: 4_000_000 } }], limit()),
        () => connector.marked(down, limit()),
        () => connector.inventory(down, limit()),
      ];
      try {
        for (const verb of verbs)
          await assert.rejects(verb, tells('target-down', [secret, plan.password.reveal()]));
        const items = await connector.check(down, limit(), []);
        assert.ok(items.some((item) => item.status === 'fail'));
        const nodes = await connector.nodes(down, limit());
        assert.ok(nodes.some((node) => node.role === 'primary' && node.error !== null));
        assert.equal(print([items, nodes], { depth: 10 }).includes(secret), false);
      } finally {
        await connector.disconnect(down);
      }
    });

    it('tells no secret when the administrator’s password is wrong', async () => {
      const secret = randomBytes(16).toString('hex');
      const wrong = opened({ admin: { ...target.access.admin, password: new Secret(secret) } });
      const plan = planOf(target.entitlement);
      try {
        const fails = tells('target-login-failed', [secret, plan.password.reveal()]);
        await assert.rejects(connector.grant(wrong, plan, limit()), fails);
        await assert.rejects(connector.marked(wrong, limit()), fails);
      } finally {
        await connector.disconnect(wrong);
      }
    });

    it('gives up at once when it is told to, while it connects', async () => {
      const never = opened({ dial: () => new Promise<never>(() => undefined) });
      const plan = planOf(target.entitlement);
      const startedAt = performance.now();
      await assert.rejects(
        connector.revoke(never, plan.handle, AbortSignal.timeout(ABORT_AFTER_MS)),
        Failure,
      );
      await assert.rejects(connector.grant(never, plan, AbortSignal.abort()), Failure);
      assert.ok(performance.now() - startedAt < ABORT_LIMIT_MS);
    });

    it('says what a task may do, in words', () => {
      const rights = connector.rights(target.entitlement);
      assert.ok(rights.length > 0);
      for (const right of rights) assert.match(right.words, /\S/);
    });

    it('leaves nothing of all this behind', async () => {
      assert.deepEqual(await connector.marked(client, limit()), []);
    });
  });
}

export interface SharingTarget<Settings, Entitlement> {
  access: TargetAccess<Settings>;
  /** Two plans of it share what they hold. */
  entitlement: Entitlement;
  /** The target's own word on whether that is there, past the connector. */
  there(): Promise<boolean>;
  stop(): Promise<void>;
}

/** What the ledger relies on where grants share a right: it is put and taken, twice is once, and the target says so. */
export function sharedConformance<Settings, Entitlement, Client>(
  name: string,
  connector: Connector<Settings, Entitlement, Client>,
  start: () => Promise<SharingTarget<Settings, Entitlement>>,
): void {
  describe(`${name}: conformance of what grants share`, () => {
    let target: SharingTarget<Settings, Entitlement>;
    let client: Client;
    let key: string;
    const { shared } = connector;
    assert.ok(shared !== undefined, 'this kind shares nothing');
    before(async () => {
      target = await start();
      client = connector.connect(target.access);
      [key = ''] = shared.keys(planOf(target.entitlement));
    });
    after(async () => {
      await connector.disconnect(client);
      await target.stop();
    });

    it('names the same for two grants of one entitlement, and holds no secret in it', () => {
      const plans = [planOf(target.entitlement), planOf(target.entitlement)] as const;
      assert.ok(key.length > 0 && key.length <= 500);
      for (const plan of plans) {
        assert.deepEqual(shared.keys(plan), shared.keys(plans[0]));
        for (const one of shared.keys(plan)) assert.equal(one.includes(plan.password.reveal()), false);
      }
    });

    it('puts it there and takes it away; twice is once', async () => {
      assert.deepEqual([await shared.held(client, key, limit()), await target.there()], [false, false]);
      await shared.take(client, key, limit());
      for (const _ of [1, 2]) {
        await shared.put(client, key, limit());
        assert.deepEqual([await shared.held(client, key, limit()), await target.there()], [true, true]);
      }
      for (const _ of [1, 2]) {
        await shared.take(client, key, limit());
        assert.deepEqual([await shared.held(client, key, limit()), await target.there()], [false, false]);
      }
    });

    it('leaves what grants share alone when an identity of a grant comes and goes', async () => {
      await shared.put(client, key, limit());
      const plan = planOf(target.entitlement);
      const { handle } = await connector.grant(client, plan, limit());
      await connector.revoke(client, handle, limit());
      assert.equal(await target.there(), true);
      await shared.take(client, key, limit());
    });
  });
}

/** A Failure of that code which shows none of these texts, wherever one looks at it. */
function tells(code: string, secrets: string[]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Failure, `expected a Failure, got ${print(error)}`);
    assert.equal(error.code, code);
    const shown = print(error, { depth: 10, showHidden: true });
    for (const secret of secrets) assert.equal(shown.includes(secret), false, 'the error shows a secret');
    return true;
  };
}
