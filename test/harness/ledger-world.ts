// The ledger without the rest: a real store, the use-cases that bring targets to what is wanted, and no loops of their
// own, so that a test takes each step itself and looks between two of them.

import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { SYSTEM_ACTOR } from '../../src/audit/append.ts';
import { newId } from '../../src/base/ids.ts';
import { createLog } from '../../src/base/log.ts';
import { masterKeyFrom, ringOf } from '../../src/base/master-key.ts';
import type { Secret } from '../../src/base/secret.ts';
import type { BoundKind } from '../../src/connectors/registry.ts';
import { CONNECTORS, createRegistry } from '../../src/connectors/registry.ts';
import { openStore } from '../../src/db/client.ts';
import { openInstallation } from '../../src/db/installation.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createEvents } from '../../src/events/events.ts';
import { type GrantsContext, PENDING_LIFETIME_SECONDS } from '../../src/grants/context.ts';
import { endGrant } from '../../src/grants/end.ts';
import { type GrantViewRow, loadGrant } from '../../src/grants/grant-view.ts';
import { intendGrant } from '../../src/grants/intend.ts';
import { createPatrol } from '../../src/grants/orphans.ts';
import { type Outcome, reconcileGrant } from '../../src/grants/reconcile.ts';
import { createTurns } from '../../src/jobs/turns.ts';
import { createPolicies } from '../../src/policy/publish.ts';
import { dialDirect } from '../../src/targets/dial.ts';
import { createTargets } from '../../src/targets/targets.ts';
import { createTasks } from '../../src/targets/tasks.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';

const STEP_LIMIT_MS = 30_000;

export interface LedgerWorld {
  ctx: GrantsContext;
  store: TestPostgres;
  /** The id of a target that is new. */
  addTarget(
    name: string,
    kind: string,
    settings: Record<string, unknown>,
    admin: { user: string; password: Secret },
  ): Promise<string>;
  /** The id of a task that is new. */
  addTask(name: string, kind: string, entitlement: Record<string, unknown>): Promise<string>;
  /** A grant that is wanted and that nobody has worked on. */
  intend(targetId: string, taskId: string, durationSeconds?: number): Promise<string>;
  /** One step now, whatever its back-off says. */
  step(grantId: string): Promise<Outcome>;
  end(grantId: string): Promise<boolean>;
  see(grantId: string): Promise<GrantViewRow>;
  /** Details of the entries of that kind. */
  told(grantId: string, kind: string): Promise<Record<string, unknown>[]>;
  patrol(): Promise<void>;
  stop(): Promise<void>;
}

export async function startLedgerWorld(more: BoundKind[] = []): Promise<LedgerWorld> {
  const store = await startPostgres({ version: 18 });
  const db = openStore({ connectionString: store.adminUrl, poolSize: 16, onError: () => undefined });
  await migrate(db);
  const log = createLog('silent');
  const masterKey = ringOf(masterKeyFrom(randomBytes(32)));
  const installation = await openInstallation(db, masterKey.check);
  const registry = createRegistry([...CONNECTORS, ...more]);
  const mark = { installation: installation.id, epoch: installation.epoch };
  const tasks = createTasks({ db, registry });
  const targets = createTargets({ db, masterKey, registry, mark, dial: dialDirect, tasks });
  const ctx: GrantsContext = {
    db,
    run: 'run-of-the-test',
    turns: createTurns({ db, run: 'run-of-the-test' }),
    log,
    masterKey,
    policies: createPolicies({ db, log }),
    targets,
    tasks,
    events: createEvents({ connectionString: store.adminUrl, log, db }),
    gatewayAddress: { host: '127.0.0.1', port: 1 },
    sshAddress: { host: '127.0.0.1', port: 0, hostKey: '' },
    publicUrl: () => 'http://localhost',
    heldBack: () => null,
    recordings: { keepSeconds: null, keepAtLeastSeconds: null },
    pendingLifetimeSeconds: PENDING_LIFETIME_SECONDS,
  };
  const patrol = createPatrol(ctx);
  const principalId = newId('principal');
  await db
    .insertInto('principals')
    .values({ id: principalId, kind: 'person', name: 'engineer', display_name: 'Engineer' })
    .execute();

  return {
    ctx,
    store,
    async addTarget(name, kind, settings, admin) {
      const row = await targets.add(
        {
          name,
          kind,
          segment: 'test',
          environment: 'test',
          sensitivity: 'normal',
          settings,
          admin: { user: admin.user, password: admin.password.reveal() },
        },
        SYSTEM_ACTOR,
      );
      return row.id;
    },
    async addTask(name, kind, entitlement) {
      return (await tasks.add({ name, kind, description: 'A test.', entitlement }, SYSTEM_ACTOR)).id;
    },
    async intend(targetId, taskId, durationSeconds = 3_600) {
      const requestId = newId('request');
      const target = await targets.byId(targetId);
      const found = await db
        .selectFrom('tasks')
        .selectAll()
        .where('id', '=', taskId)
        .executeTakeFirstOrThrow();
      const task = { ...found, ancestors: [] };
      return db.transaction().execute(async (trx) => {
        await trx
          .insertInto('requests')
          .values({
            id: requestId,
            requester_id: principalId,
            target_id: targetId,
            task_id: taskId,
            duration_s: durationSeconds,
            reason: 'a test',
            source_address: '127.0.0.1',
            digest: 'none',
            state: 'approved',
            outcome: 'allow',
            reasons: '[]',
            obligations: '{}',
            expires_at: sql<Date>`now() + interval '1 day'`,
          })
          .execute();
        return intendGrant(trx, {
          requestId,
          principalId,
          asked: { target, task },
          durationSeconds,
          actor: SYSTEM_ACTOR,
          policyDigest: 'none',
          startsAt: null,
        });
      });
    },
    step: (grantId) => reconcileGrant(ctx, grantId, AbortSignal.timeout(STEP_LIMIT_MS)),
    async end(grantId) {
      const grant = await db
        .selectFrom('grants')
        .selectAll()
        .where('id', '=', grantId)
        .executeTakeFirstOrThrow();
      return endGrant(db, { grant, reason: 'revoked', note: null, actor: SYSTEM_ACTOR, byId: null });
    },
    async see(grantId) {
      const row = await loadGrant(ctx, grantId);
      if (row === undefined) throw new Error(`no grant ${grantId}`);
      return row;
    },
    async told(grantId, kind) {
      const rows = await db
        .selectFrom('audit_entries')
        .select('leaf')
        .where('grant_id', '=', grantId)
        .where('kind', '=', kind)
        .orderBy('seq')
        .execute();
      return rows.map((row) => (JSON.parse(row.leaf) as { detail: Record<string, unknown> }).detail);
    },
    patrol: () => patrol.patrolNow(),
    async stop() {
      await targets.close();
      await db.destroy();
      await store.stop();
    },
  };
}
