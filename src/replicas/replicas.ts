// The processes on one store: each has a name and a row, and says every two seconds that it lives. Who has not been
// seen for a while is over for the others: what it had in hand is free. A process whose row another run has taken is
// over too, and hears of it here.

import { sql } from 'kysely';
import type { ReplicaView } from '../api/replicas.ts';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { Failure } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { monotonicMs, sleep } from '../base/timer.ts';
import type { Db } from '../db/client.ts';
import { STORE_VERSION } from '../db/store-version.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { OwnName } from './own-name.ts';

export type Role = 'api' | 'gateway' | 'worker';

/** Where it listens, by what: `http`, `postgres`. As others reach it. */
export type Addresses = Record<string, string>;

const HEARTBEAT_MS = 2_000;
/** Not seen for longer: over. Far more than a heartbeat, less than a lease. */
export const GONE_AFTER_SECONDS = 15;
/** The store did not answer a heartbeat for longer. */
const STORE_SILENT_MS = 6_000;
/** Two heartbeats and two looks. */
const LIFE_WATCH_MS = 3 * HEARTBEAT_MS;
/** Between two looks at the others; after longer the store was away, or this process stood still. */
const LONGEST_LOOK_GAP_MS = 3 * HEARTBEAT_MS;
/** What is shown of replicas that are over. */
const FORGOTTEN_AFTER_SECONDS = 86_400;
export const MOST_REPLICAS = 200;
/** How long a name that seems to be in use is watched for a sign of life. */
const NAME_WATCH_MS = 3 * HEARTBEAT_MS;
const NAME_LOOK_MS = 250;

export interface ReplicasContext {
  db: Db;
  log: Logger;
  own: OwnName;
  version: string;
  roles: readonly Role[];
  /** Known once everything listens. */
  addresses: () => Addresses;
  /** Checks of the master keys that this process holds. */
  keyChecks: () => string[];
  /** Frees what these had in hand. Called again until it succeeds. */
  onGone: (gone: { name: string; run: string }[]) => Promise<void>;
  /** Somebody asks this process to stop; its sessions may go on for so long, null: as it was started with. Once. */
  onDrain: (seconds: number | null) => void;
  /** This process is not to go on: its name is another's now, or the store has left its version behind. */
  onLost: (why: string) => void;
}

export interface Replicas {
  readonly name: string;
  readonly run: string;
  /** Takes the name. Errors: Failure `replica-name-taken`. */
  register(): Promise<void>;
  /** Begins to say that it lives, and to look after the others. */
  start(): void;
  /** Shows others that it takes nothing new. */
  drain(): Promise<void>;
  /** The last sign of life. */
  stop(): Promise<void>;
  list(): Promise<ReplicaView[]>;
  /** Those that showed a sign of life while this process looked; it looks for a few seconds first. */
  livingRuns(): Promise<string[]>;
  /** Milliseconds since the store last answered; for who asks whether this replica is ready. */
  storeSilentMs(): number;
}

export function createReplicas(ctx: ReplicasContext): Replicas {
  const { db, own } = ctx;
  let answeredAt = monotonicMs();
  const startedAt = monotonicMs();
  let draining = false;
  let asked = false;

  async function register(): Promise<void> {
    const row = await db
      .selectFrom('replicas')
      .select(['run', 'stopped_at', 'seen_at'])
      .where('name', '=', own.name)
      .executeTakeFirst();
    // Our own last run is over (one process a data folder), however lately it was seen.
    const mayLive = row !== undefined && row.stopped_at === null && row.run !== own.runBefore;
    if (mayLive) await requireSilent(db, own.name, row.seen_at);
    const values = {
      run: own.run,
      version: ctx.version,
      store_version: STORE_VERSION,
      roles: [...ctx.roles],
      addresses: JSON.stringify(ctx.addresses()),
      key_checks: ctx.keyChecks(),
      draining: false,
    };
    await db
      .insertInto('replicas')
      .values({ name: own.name, ...values })
      .onConflict((oc) =>
        oc.column('name').doUpdateSet({
          ...values,
          started_at: sql<Date>`now()`,
          seen_at: sql<Date>`now()`,
          stopped_at: null,
        }),
      )
      .execute();
    if (row !== undefined) await ctx.onGone([{ name: own.name, run: row.run }]);
  }

  const heartbeat: Repeating = repeat(ctx, 'heartbeat', HEARTBEAT_MS, async () => {
    const { rows } = await sql<{ oldest: number; drain_run: string | null; drain_seconds: number | null }>`
      update replicas set seen_at = now(), draining = ${draining}, addresses = ${JSON.stringify(ctx.addresses())}::jsonb,
        key_checks = ${ctx.keyChecks()}::text[]
      where name = ${own.name} and run = ${own.run}
      returning (select oldest_version from installation) as oldest, drain_run, drain_seconds`.execute(db);
    answeredAt = monotonicMs();
    const [row] = rows;
    if (row === undefined) ctx.onLost(`another process runs as the replica ${own.name}`);
    else if (row.oldest > STORE_VERSION) ctx.onLost('the store has left this version behind');
    else if (row.drain_run === own.run && !asked) {
      asked = true;
      ctx.onDrain(row.drain_seconds);
    }
    return undefined;
  });

  const watch = createWatch();
  const others: Repeating = repeat(ctx, 'other replicas', HEARTBEAT_MS, async () => {
    const rows = await db
      .selectFrom('replicas')
      .select(['name', 'run', 'seen_at'])
      .where('stopped_at', 'is', null)
      .where('name', '!=', own.name)
      .where('seen_at', '>', sql<Date>`now() - make_interval(secs => ${FORGOTTEN_AFTER_SECONDS})`)
      .limit(MOST_REPLICAS)
      .execute();
    const gone = watch.gone(rows);
    if (gone.length === 0) return undefined;
    await ctx.onGone(gone);
    for (const one of gone) {
      ctx.log.warn({ replica: one.name, seenAt: one.seen_at }, 'a replica has not been seen any more');
      await noteGone(db, one);
      watch.told(one);
    }
    return undefined;
  });

  return {
    name: own.name,
    run: own.run,
    register,
    start() {
      heartbeat.start();
      others.start();
    },
    async drain() {
      draining = true;
      heartbeat.kick();
    },
    async stop() {
      await Promise.all([heartbeat.stop(), others.stop()]);
      await db
        .updateTable('replicas')
        .set({ stopped_at: sql<Date>`now()`, seen_at: sql<Date>`now()` })
        .where('name', '=', own.name)
        .where('run', '=', own.run)
        .execute();
    },
    list: () => listReplicas(db),
    async livingRuns() {
      await sleep(Math.max(0, LIFE_WATCH_MS - (monotonicMs() - startedAt)));
      return [own.run, ...watch.living()];
    },
    storeSilentMs: () => monotonicMs() - answeredAt,
  };
}

interface Seen {
  name: string;
  run: string;
  seen_at: Date;
}

/**
 * Who shows no sign of life for a while of our own clock, during which the store answered: after an outage of the store
 * everybody was last seen before it, and nobody is gone.
 */
function createWatch() {
  const known = new Map<string, { seenAt: number; since: number; told: boolean; moved: boolean }>();
  let lookedAt = monotonicMs();
  return {
    gone<S extends Seen>(rows: S[]): S[] {
      const now = monotonicMs();
      const gap = now - lookedAt;
      lookedAt = now;
      const there = new Set(rows.map((row) => row.run));
      for (const run of known.keys()) if (!there.has(run)) known.delete(run);
      return rows.filter((row) => {
        const seenAt = row.seen_at.getTime();
        const before = known.get(row.run);
        if (before === undefined || before.seenAt !== seenAt || gap > LONGEST_LOOK_GAP_MS) {
          const same = before?.seenAt === seenAt;
          known.set(row.run, {
            ...{ seenAt, since: now },
            told: same && before.told,
            moved: same ? before.moved : before !== undefined,
          });
          return false;
        }
        return !before.told && now - before.since > GONE_AFTER_SECONDS * 1000;
      });
    },
    living: () => [...known].filter(([, one]) => one.moved && !one.told).map(([run]) => run),
    told(row: Seen): void {
      const entry = known.get(row.run);
      if (entry !== undefined) entry.told = true;
    },
  };
}

/** Null when the store has answered lately; else for people. */
export function storeTrouble(replicas: Pick<Replicas, 'storeSilentMs'>): string | null {
  const silentMs = replicas.storeSilentMs();
  if (silentMs < STORE_SILENT_MS) return null;
  return `The store has not answered for ${Math.round(silentMs / 1000)} s.`;
}

/** Of a row of `replicas`. */
export const isAlive = sql<boolean>`seen_at > now() - make_interval(secs => ${GONE_AFTER_SECONDS})`;

/** All of the last day, the living first. */
export async function listReplicas(db: Db): Promise<ReplicaView[]> {
  const rows = await db
    .selectFrom('replicas')
    .select(['name', 'version', 'roles', 'addresses', 'started_at', 'seen_at', 'stopped_at'])
    .select(sql<boolean>`draining or drain_run is not distinct from run`.as('draining'))
    .select(isAlive.as('alive'))
    .where('seen_at', '>', sql<Date>`now() - make_interval(secs => ${FORGOTTEN_AFTER_SECONDS})`)
    .orderBy(sql`stopped_at is not null`)
    .orderBy('name')
    .limit(MOST_REPLICAS)
    .execute();
  return rows.map((row) => ({
    name: row.name,
    version: row.version,
    roles: row.roles,
    addresses: row.addresses as Addresses,
    state: row.stopped_at !== null ? 'stopped' : !row.alive ? 'gone' : row.draining ? 'draining' : 'running',
    startedAt: row.started_at.toISOString(),
    seenAt: row.seen_at.toISOString(),
  }));
}

/** One entry among all who notice. */
async function noteGone(db: Db, gone: { name: string; run: string; seen_at: Date }): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const first = await trx
      .insertInto('turns')
      .values({
        name: `gone ${gone.run} ${gone.seen_at.getTime()}`,
        holder: '',
        until_at: sql<Date>`now() + interval '1 day'`,
      })
      .onConflict((oc) => oc.doNothing())
      .returning('name')
      .executeTakeFirst();
    await trx.deleteFrom('turns').where('until_at', '<', sql<Date>`now() - interval '1 day'`).execute();
    if (first === undefined) return;
    await append(trx, {
      kind: 'replica.gone',
      actor: SYSTEM_ACTOR,
      detail: { replica: gone.name, seenAt: gone.seen_at },
    });
  });
}

/** Somebody was seen under that name lately: a process that lives says so again. Errors: `replica-name-taken`. */
async function requireSilent(db: Db, name: string, seenAt: Date): Promise<void> {
  const endsAt = monotonicMs() + NAME_WATCH_MS;
  while (monotonicMs() < endsAt) {
    const { rows } = await sql<{ seen_at: Date; silent: boolean }>`
      select seen_at, seen_at < now() - make_interval(secs => ${NAME_WATCH_MS / 1000}) as silent
      from replicas where name = ${name} and stopped_at is null`.execute(db);
    const [row] = rows;
    if (row === undefined || row.silent) return;
    if (row.seen_at.getTime() !== seenAt.getTime()) {
      throw new Failure('conflict', 'replica-name-taken', `Another process runs as the replica "${name}".`, {
        hint: 'Each has its own data folder (SALLY_DATA): was this one copied? Remove replica.json in it, or set SALLY_REPLICA.',
        field: 'SALLY_REPLICA',
      });
    }
    await sleep(NAME_LOOK_MS);
  }
}
