// Targets as the rest of the program sees them: found by name, added after their connector's schema has agreed,
// their administrator's credential sealed, and one open connector client each, made anew when the target changes.
// Long because all that is done with a target's sealed credential stands here, and nowhere else.

import { randomBytes } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import type { AddTargetBody, CheckReport } from '../api/targets.ts';
import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { conflict, Failure, notFound } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { MasterKey } from '../base/master-key.ts';
import { Secret } from '../base/secret.ts';
import type { Dial, Endpoint, Mark } from '../connectors/contract.ts';
import type { BoundKind, OpenTarget, Registry } from '../connectors/registry.ts';
import type { Db, Trx } from '../db/client.ts';
import type { Tables } from '../db/tables.ts';
import { publish } from '../events/events.ts';
import { changeTarget, type TargetChange } from './change-target.ts';
import { trustedAuthorities } from './host-authority.ts';
import { ensureSegment } from './segments.ts';
import type { Tasks } from './tasks.ts';

export type TargetRow = Selectable<Tables['targets']>;

export interface TargetsContext {
  db: Db;
  masterKey: MasterKey;
  registry: Registry;
  mark: Mark;
  dial: Dial;
  tasks: Pick<Tasks, 'entitlementsFor'>;
  /**
   * Asked once for each target before anything is done there, and with every patrol; rejects when this store is not
   * the one that works there.
   */
  fence?: Fence;
}

export interface Fence {
  /** Errors: Failure `in-recovery`; the target's. */
  check(target: { id: string; name: string; client: OpenTarget }): Promise<void>;
}

export interface Targets {
  /** Not one that was removed. */
  byName(name: string): Promise<TargetRow>;
  byId(id: string): Promise<TargetRow>;
  list(): Promise<TargetRow[]>;
  /** Errors: `target-exists`, `unknown-kind`, `invalid-input` naming the setting. Does not contact the target. */
  add(body: AddTargetBody, by: Actor, sourceAddress?: string): Promise<TargetRow>;
  /** Moves a target's address and credential (the demo's own target gets a new port). */
  update(
    id: string,
    change: { settings: Record<string, unknown>; admin: { user: string; password: Secret } },
  ): Promise<void>;
  /**
   * The administrative client of a target; kept, and made anew when its version changes. A caller that has just read
   * the target's version saves the look at the store.
   */
  open(id: string, version?: number): Promise<OpenTarget>;
  /** The same before it is known whether this store may work there: only for looking at that. */
  openUnfenced(id: string, version?: number): Promise<OpenTarget>;
  /** Errors: as `open`. */
  fenceAgain(id: string): Promise<void>;
  /** Where its sessions go. */
  endpoint(id: string): Promise<Endpoint>;
  dial: Dial;
  kindOf(row: Pick<TargetRow, 'kind'>): BoundKind;
  /** Who Sallyport is there. */
  adminUser(row: Pick<TargetRow, 'id' | 'credential'>): string;
  /** Asks the target what works, keeps the report. `signal` bounds it. */
  check(row: TargetRow, by: Actor, signal: AbortSignal, sourceAddress?: string): Promise<CheckReport>;
  /**
   * Another credential, or other settings, once the target has been tried with them. Errors: those of `changeTarget`,
   * `invalid-input` naming the setting.
   */
  change(
    row: TargetRow,
    change: TargetChange,
    by: { actor: Actor; sourceAddress?: string },
    signal: AbortSignal,
  ): Promise<CheckReport>;
  /**
   * Gives our administrator there another password: kept first, set on the target, tried, and only then used.
   * Errors: `cannot-rotate-admin`, `rotation-under-way`; the target's, after which `settleAdmin` finds out which holds.
   */
  rotateAdmin(row: TargetRow, by: { actor: Actor; sourceAddress: string }): Promise<void>;
  /** Targets whose administrator's password was being changed when something broke. */
  halfRotated(): Promise<string[]>;
  /** Finds out by trying which password the target has, and keeps that one. Errors: the target's. */
  settleAdmin(id: string): Promise<void>;
  close(): Promise<void>;
}

/** A bound on the list; an installation with more wants pages, which come with the target map. */
const MOST_TARGETS = 5_000;

const ADMIN_STEP_MS = 15_000;
const ADMIN_PASSWORD_BYTES = 32;
/** What every connector says when the target refuses the administrator's login. */
const LOGIN_REFUSED = 'target-login-failed';

const newAdminPassword = () => new Secret(randomBytes(ADMIN_PASSWORD_BYTES).toString('base64url'));

const sealContext = (id: string) => `target ${id}`;

export function createTargets(ctx: TargetsContext): Targets {
  const clients = new Map<string, { version: number; client: OpenTarget }>();
  /** Clients whose target was found to be ours to work on. */
  const fenced = new WeakSet<OpenTarget>();
  /** Those that are being looked at now: a start may come with thousands of steps, and one look is enough for all. */
  const fencing = new WeakMap<OpenTarget, Promise<void>>();
  const common = {
    mark: ctx.mark,
    dial: ctx.dial,
    authorities: () => trustedAuthorities(ctx),
  };
  const nameOf = async (id: string) => (await one('id', id)).name;

  async function one(column: 'id' | 'name', value: string): Promise<TargetRow> {
    const row = await ctx.db.selectFrom('targets').selectAll().where(column, '=', value).executeTakeFirst();
    if (row === undefined) throw notFound('target', value);
    return row;
  }

  async function fence(id: string, client: OpenTarget): Promise<void> {
    try {
      await ctx.fence?.check({ id, name: await nameOf(id), client });
      fenced.add(client);
    } finally {
      fencing.delete(client);
    }
  }

  /** False only when the target itself refuses the login. Errors: the target's. */
  async function logsIn(row: TargetRow, credential: Buffer): Promise<boolean> {
    const client = ctx.registry.kind(row.kind).open({
      id: row.id,
      name: row.name,
      settings: row.settings,
      admin: adminOf(ctx.masterKey.open(credential, sealContext(row.id))),
      ...common,
    });
    try {
      await client.marked(AbortSignal.timeout(ADMIN_STEP_MS));
      return true;
    } catch (error) {
      if (error instanceof Failure && error.code === LOGIN_REFUSED) return false;
      throw error;
    } finally {
      await client.close();
    }
  }

  function seal(id: string, admin: { user: string; password: Secret }): Buffer {
    return ctx.masterKey.seal(
      new Secret(JSON.stringify([admin.user, admin.password.reveal()])),
      sealContext(id),
    );
  }

  return {
    async byName(name) {
      const row = await one('name', name);
      if (row.removed_at !== null) throw notFound('target', name);
      return row;
    },
    byId: (id) => one('id', id),
    list: () =>
      ctx.db
        .selectFrom('targets')
        .selectAll()
        .where('removed_at', 'is', null)
        .orderBy('segment')
        .orderBy('name')
        .limit(MOST_TARGETS)
        .execute(),

    async add(body, by, sourceAddress) {
      const kind = ctx.registry.kind(body.kind);
      const settings = kind.parseSettings(body.settings);
      const id = newId('target');
      return ctx.db.transaction().execute(async (trx) => {
        await ensureSegment(trx, body.segment);
        const row = await insertTarget(trx, {
          id,
          name: body.name,
          kind: body.kind,
          segment: body.segment,
          environment: body.environment,
          sensitivity: body.sensitivity,
          owner: body.owner ?? null,
          settings: JSON.stringify(settings),
          credential: seal(id, { user: body.admin.user, password: new Secret(body.admin.password) }),
        });
        await append(trx, {
          kind: 'target.added',
          actor: by,
          targetId: id,
          sourceAddress,
          detail: {
            target: body.name,
            targetKind: body.kind,
            segment: body.segment,
            settings,
            adminUser: body.admin.user,
          },
        });
        await publish(trx, { topic: 'targets', id });
        return row;
      });
    },

    async update(id, change) {
      await ctx.db
        .updateTable('targets')
        .set({
          settings: JSON.stringify(change.settings),
          credential: seal(id, change.admin),
          version: sql`version + 1`,
        })
        .where('id', '=', id)
        .execute();
    },

    async open(id, version) {
      const client = await this.openUnfenced(id, version);
      if (ctx.fence === undefined || fenced.has(client)) return client;
      const looking = fencing.get(client) ?? fence(id, client);
      fencing.set(client, looking);
      await looking;
      return client;
    },

    async fenceAgain(id) {
      const client = await this.openUnfenced(id);
      await ctx.fence?.check({ id, name: await nameOf(id), client });
    },

    async openUnfenced(id, version) {
      const known = clients.get(id);
      if (known !== undefined && known.version === version) return known.client;
      const row = await one('id', id);
      const kept = clients.get(id);
      if (kept !== undefined && kept.version === row.version) return kept.client;
      const kind = ctx.registry.kind(row.kind);
      const client = kind.open({
        id,
        name: row.name,
        settings: row.settings,
        admin: adminOf(ctx.masterKey.open(row.credential, sealContext(id))),
        ...common,
      });
      const meanwhile = clients.get(id);
      if (meanwhile !== undefined && meanwhile.version >= row.version) {
        void client.close();
        return meanwhile.client;
      }
      clients.set(id, { version: row.version, client });
      void kept?.client.close();
      return client;
    },

    async endpoint(id) {
      const row = await one('id', id);
      return ctx.registry.kind(row.kind).endpoint(row.settings);
    },

    dial: ctx.dial,
    kindOf: (row) => ctx.registry.kind(row.kind),
    adminUser: (row) => adminOf(ctx.masterKey.open(row.credential, sealContext(row.id))).user,

    async check(row, by, signal, sourceAddress) {
      const client = await this.openUnfenced(row.id);
      const items = await client.check(signal, await ctx.tasks.entitlementsFor(row));
      const report: CheckReport = {
        ok: items.every((item) => item.status !== 'fail'),
        items,
        checkedAt: new Date().toISOString(),
      };
      await ctx.db.transaction().execute(async (trx) => {
        await trx
          .updateTable('targets')
          .set({ check_report: JSON.stringify(report), checked_at: sql`now()` })
          .where('id', '=', row.id)
          .execute();
        const failed = items
          .filter((item) => item.status !== 'ok')
          .map((item) => `${item.name}: ${item.status}`);
        await append(trx, {
          kind: 'target.checked',
          actor: by,
          targetId: row.id,
          sourceAddress,
          detail: { target: row.name, ok: report.ok, found: failed },
        });
        await publish(trx, { topic: 'targets', id: row.id });
      });
      return report;
    },

    async change(row, change, by, signal) {
      const kind = ctx.registry.kind(row.kind);
      const settings = change.settings === undefined ? undefined : kind.parseSettings(change.settings);
      const admin = change.admin ?? adminOf(ctx.masterKey.open(row.credential, sealContext(row.id)));
      const { id, name } = row;
      const candidate = kind.open({
        id,
        name,
        settings: settings ?? row.settings,
        admin,
        ...common,
      });
      try {
        const entitlements = await ctx.tasks.entitlementsFor(row);
        const credential = change.admin === undefined ? null : seal(id, admin);
        const { host, port } = kind.endpoint(settings ?? row.settings);
        const nodes = [`${host}:${port}`, ...kind.nodeNames(settings ?? row.settings)];
        const steps = { db: ctx.db, candidate, entitlements, credential, nodes };
        const parsed = settings === undefined ? change : { ...change, settings };
        return await changeTarget(steps, row, parsed, by, signal);
      } finally {
        void candidate.close();
      }
    },

    async rotateAdmin(row, by) {
      const client = await this.open(row.id);
      const admin = adminOf(ctx.masterKey.open(row.credential, sealContext(row.id)));
      const next = { user: admin.user, password: newAdminPassword() };
      await keepNext(ctx.db, row.id, seal(row.id, next));
      await client.setAdminPassword(next.password, AbortSignal.timeout(ADMIN_STEP_MS));
      await this.settleAdmin(row.id);
      await ctx.db.transaction().execute((trx) =>
        append(trx, {
          kind: 'keys.rotated',
          actor: by.actor,
          sourceAddress: by.sourceAddress,
          targetId: row.id,
          detail: { key: `the administrator's password on ${row.name}`, target: row.name },
        }),
      );
    },

    async halfRotated() {
      const rows = await ctx.db
        .selectFrom('targets')
        .select('id')
        .where('next_credential', 'is not', null)
        .execute();
      return rows.map((row) => row.id);
    },

    async settleAdmin(id) {
      const row = await one('id', id);
      if (row.next_credential === null) return;
      const nextWorks = await logsIn(row, row.next_credential);
      // Neither may work: then somebody else changed it, and both stay until one does.
      if (!nextWorks && !(await logsIn(row, row.credential)))
        throw new Failure('unavailable', 'target-login-failed', `Neither password works on ${row.name}.`);
      await ctx.db
        .updateTable('targets')
        .set({
          ...(nextWorks ? { credential: row.next_credential, version: sql<number>`version + 1` } : {}),
          next_credential: null,
        })
        .where('id', '=', id)
        .where('version', '=', row.version)
        .execute();
      if (!nextWorks)
        throw new Failure('unavailable', 'admin-not-rotated', `${row.name} did not take the new password.`, {
          hint: 'The one before still holds; try again.',
        });
    },

    async close() {
      const open = [...clients.values()];
      clients.clear();
      await Promise.allSettled(open.map(({ client }) => client.close()));
    },
  };
}

async function insertTarget(
  trx: Trx,
  values: Parameters<ReturnType<typeof trx.insertInto<'targets'>>['values']>[0],
): Promise<TargetRow> {
  const row = await trx
    .insertInto('targets')
    .values(values)
    .onConflict((oc) => oc.column('name').doNothing())
    .returningAll()
    .executeTakeFirst();
  if (row === undefined)
    throw conflict('target-exists', 'There is already a target of that name.', { field: 'name' });
  return row;
}

function adminOf(sealed: Secret): { user: string; password: Secret } {
  const value: unknown = JSON.parse(sealed.reveal());
  if (Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'string') {
    return { user: value[0], password: new Secret(value[1]) };
  }
  throw new Failure('unavailable', 'unsealing-failed', 'A sealed credential has an unknown form.');
}

async function keepNext(db: Db, id: string, next: Buffer): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('targets')
    .set({ next_credential: next })
    .where('id', '=', id)
    .where('next_credential', 'is', null)
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n)
    throw conflict('rotation-under-way', 'The password of this administrator is being changed already.');
}

/** Seals all administrators' credentials again. */
export async function resealTargets(trx: Trx, keys: Pick<MasterKey, 'seal' | 'open'>): Promise<void> {
  const rows = await trx
    .selectFrom('targets')
    .select(['id', 'credential', 'next_credential'])
    .forUpdate()
    .execute();
  for (const row of rows) {
    const again = (sealed: Buffer) => keys.seal(keys.open(sealed, sealContext(row.id)), sealContext(row.id));
    await trx
      .updateTable('targets')
      .set({
        credential: again(row.credential),
        next_credential: row.next_credential === null ? null : again(row.next_credential),
      })
      .where('id', '=', row.id)
      .execute();
  }
}
