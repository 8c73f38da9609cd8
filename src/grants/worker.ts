// The worker: finds what is due in the grants table (it is the queue) and reconciles it, a bounded number at a time
// and for each target, so that one dead target stalls nobody else. Any number of replicas may run it.

import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { messageOf } from '../base/errors.ts';
import { after, monotonicMs, type Timer } from '../base/timer.ts';
import { publish } from '../events/events.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { GrantsContext } from './context.ts';
import { endGrants } from './end.ts';
import { type GrantViewRow, OVERDUE_SECONDS } from './grant-view.ts';
import { grantIdentity } from './known-grants.ts';
import { claimAll, release, type StepGrant } from './lease.ts';
import { type Outcome, reconcileGrant, takeStep } from './reconcile.ts';
import { createStepBudget, MOST_ON_TARGET, MOST_SWIFT } from './step-budget.ts';

/** Looked through at once for what there is room for, in all and of one target. */
const MOST_LOOKED_AT = 2 * MOST_SWIFT;
/** The longest that anything due waits for a worker that heard no kick. */
const POLL_MS = 1_000;
/** Hints that something changed come in bursts, mostly of our own work: they are one look. */
const LOOK_GAP_MS = 200;
const SHORTEST_POLL_MS = 20;
/** While more is due than is under way: a look costs the store a fair part of a step, and what runs lasts that long. */
const BUSY_POLL_MS = 150;
/** While one target has more due than a look sees, how often it is looked behind them: it is one look more. */
const BEHIND_EVERY_MS = 300;
const OVERDUE_LOOK_MS = 5_000;
/** Grants that are ended in one transaction, when thousands are over at once: a few first, then more. */
const EXPIRED_FIRST = 20;
const EXPIRED_MOST = 160;

export interface GrantWorker {
  start(): void;
  /** Work on this grant now, or look for work. */
  kick(grantId?: string): void;
  /**
   * The step of a grant whose row the caller has just written. Gives the grant when that settled it; null when it is
   * to be tried again, or another has it. Never rejects.
   */
  take(row: StepGrant): Promise<GrantViewRow | null>;
  stop(): Promise<void>;
}

export function createGrantWorker(ctx: GrantsContext): GrantWorker {
  const stopping = new AbortController();
  const underWay = new Map<string, Promise<unknown>>();
  const wantedAgain = new Set<string>();
  const budget = createStepBudget();
  /** Something was due and could not begin. */
  let short = false;
  let batch = EXPIRED_FIRST;
  let lookedBehindAt = Number.NEGATIVE_INFINITY;

  /** False when it has to wait for another step's end. */
  function launch({ id, target }: Due): boolean {
    if (underWay.has(id)) wantedAgain.add(id);
    else if (budget.mayBegin(target))
      void track(id, target, reconcileGrant(ctx, id, stopping.signal), budget.begin(target));
    else return false;
    return true;
  }

  /** Claims all that there is room for in one statement, and begins it; how many. */
  async function beginAll(due: Due[]): Promise<number> {
    const places = new Map<string, (failed: boolean) => void>();
    for (const { id, target } of due)
      if (!underWay.has(id) && !places.has(id) && budget.mayBegin(target))
        places.set(id, budget.begin(target));
    if (places.size === 0) return 0;
    try {
      const rows = await claimAll(ctx.db, [...places.keys()], ctx.run);
      for (const row of rows) {
        const over = places.get(row.id);
        places.delete(row.id);
        if (over !== undefined) void track(row.id, row.target_id, takeStep(ctx, row, stopping.signal), over);
      }
      return rows.length;
    } finally {
      for (const over of places.values()) over(false);
    }
  }

  async function track(
    grantId: string,
    target: string,
    step: Promise<Outcome>,
    over: (failed: boolean) => void,
  ): Promise<GrantViewRow | null> {
    const tracked = step.catch((error: unknown): Outcome => {
      const facts = { grant: grantId, reason: messageOf(error) };
      ctx.log.error(facts, 'reconcile failed; it will be tried again');
      return 'nothing-to-do';
    });
    underWay.set(grantId, tracked);
    const outcome = await tracked;
    // A step of this grant that found it taken may have stood here meanwhile.
    if (underWay.get(grantId) === tracked) underWay.delete(grantId);
    over(outcome === 'failed');
    const again = wantedAgain.delete(grantId) && !stopping.signal.aborted;
    if (outcome === 'again' || outcome === 'failed' || (again && !launch({ id: grantId, target })))
      loop.kick();
    else if (short) lookSoon(BUSY_POLL_MS);
    return typeof outcome === 'string' ? null : outcome;
  }

  async function launchById(grantId: string): Promise<void> {
    const grant = await grantIdentity(ctx.db, grantId).catch(() => undefined);
    if (stopping.signal.aborted) return;
    if (grant === undefined || !launch({ id: grantId, target: grant.target_id })) loop.kick();
  }

  const loop: Repeating = repeat(ctx, 'grants', POLL_MS, async () => {
    const full = budget.full();
    const { due, expired, nextMs, hiding } = await look(ctx, full);
    if (hiding !== null && monotonicMs() - lookedBehindAt >= BEHIND_EVERY_MS) {
      due.unshift(...(await lookBehind(ctx, [...full, ...hiding])));
      lookedBehindAt = monotonicMs();
    }
    if (expired) {
      const ended = await endExpired(ctx, batch);
      batch = ended.length < batch ? EXPIRED_FIRST : Math.min(EXPIRED_MOST, 2 * batch);
      due.push(...ended);
    }
    const begun = await beginAll(due);
    short = full.length > 0 || begun < due.length;
    if (begun > 0) return BUSY_POLL_MS;
    return due.length > 0 ? LOOK_GAP_MS : Math.max(SHORTEST_POLL_MS, Math.min(POLL_MS, nextMs));
  });
  let soon: Timer | null = null;
  const lookSoon = (delayMs: number) => {
    soon ??= after(delayMs, () => {
      soon = null;
      loop.kick();
    });
  };
  const alarm = repeat(ctx, 'overdue', OVERDUE_LOOK_MS, async () => {
    if (await ctx.turns.take('overdue', OVERDUE_LOOK_MS / 1000)) await tellOverdue(ctx);
    return undefined;
  });

  return {
    start() {
      loop.start();
      alarm.start();
    },
    kick(grantId) {
      if (stopping.signal.aborted) return;
      if (grantId !== undefined) void launchById(grantId);
      else lookSoon(LOOK_GAP_MS);
    },
    async take(row) {
      const mine = row.lease_by === ctx.run && !underWay.has(row.id);
      if (mine && !stopping.signal.aborted && budget.mayBegin(row.target_id))
        return track(row.id, row.target_id, takeStep(ctx, row, stopping.signal), budget.begin(row.target_id));
      // Whoever comes to it next, here or elsewhere, is not to wait for a lease that nobody uses.
      if (mine) await release(ctx.db, row).catch(() => undefined);
      this.kick(row.id);
      return null;
    },
    async stop() {
      stopping.abort();
      soon?.cancel();
      await Promise.all([loop.stop(), alarm.stop()]);
      await Promise.allSettled(underWay.values());
    },
  };
}

/** Where this process does not touch targets: what is due is told to those that do. */
export function createAbsentWorker(ctx: GrantsContext): GrantWorker {
  const kick = (grantId?: string) =>
    void publish(ctx.db, { topic: 'grants', ...(grantId === undefined ? {} : { id: grantId }) });
  return {
    start: () => undefined,
    kick,
    async take(row) {
      if (row.lease_by === ctx.run) await release(ctx.db, row).catch(() => undefined);
      kick(row.id);
      return null;
    },
    stop: async () => undefined,
  };
}

interface Due {
  id: string;
  target: string;
}

interface Look {
  /** Grants whose step is due, fairly among targets. */
  due: Due[];
  /** Some active grant is past its deadline. */
  expired: boolean;
  /** Until the next deadline or retry that is known now. */
  nextMs: number;
  /** Targets with so much due that there may be others behind them. */
  hiding: string[] | null;
}

/** While what ran at a deadline goes on, its end is looked for this often. */
const LANDING_LOOK = '500 milliseconds';
/** The grant `g` is past its deadline, and nothing of it goes on any more, or not any longer. */
const LANDED = sql<boolean>`(g.wanted = 'present' and g.observed = 'present' and g.landing_s > 0 and g.expires_at <= now()
  and (g.expires_at + make_interval(secs => g.landing_s) <= now()
    or not exists (select 1 from sessions s where s.grant_id = g.id and s.ended_at is null)))`;

/** What is due on others than the targets `before`, which have thousands due; it is to come first. */
async function lookBehind(ctx: GrantsContext, before: string[]): Promise<Due[]> {
  const passed = [...before];
  const found: Due[] = [];
  for (let more = true; more; ) {
    const { due, hiding } = await look(ctx, passed);
    found.unshift(...due);
    passed.push(...(hiding ?? []));
    more = hiding !== null;
  }
  return found;
}

/** One look at the store; its clock decides. `full`: targets that could not be worked on now anyway. */
async function look(ctx: GrantsContext, full: string[]): Promise<Look> {
  const unsettled = sql`((wanted = 'present' and observed = 'unknown') or (wanted = 'absent' and observed <> 'absent'))`;
  const { rows } = await sql<{
    due: Due[];
    expired: boolean | null;
    ms: number | null;
    hiding: string[] | null;
  }>`
    with unclaimed as (
      select id, target_id, next_attempt_at from grants
      where ${unsettled} and next_attempt_at <= now() and (lease_until is null or lease_until < now())
        and target_id <> all(${full}::text[])
      order by next_attempt_at limit ${MOST_LOOKED_AT}),
    ranked as (
      select id, target_id, next_attempt_at,
        row_number() over (partition by target_id order by next_attempt_at, id) as place from unclaimed),
    deadline as (select least(
      (select min(expires_at) from grants where wanted = 'present' and observed = 'present' and landing_s = 0),
      (select min(greatest(expires_at, least(expires_at + make_interval(secs => landing_s), now() + ${LANDING_LOOK}::interval)))
        from grants where wanted = 'present' and observed = 'present' and landing_s > 0)) as at),
    retry as (
      select min(next_attempt_at) as at from grants
      where ${unsettled} and (lease_until is null or lease_until < now()) and target_id <> all(${full}::text[]))
    select
      array(select json_build_object('id', id, 'target', target_id) from ranked where place <= ${MOST_ON_TARGET}
        order by place, next_attempt_at limit ${MOST_SWIFT}) as due,
      (select array_agg(distinct target_id) from unclaimed having count(*) = ${MOST_LOOKED_AT}) as hiding,
      deadline.at <= now() or exists (select 1 from grants g where ${LANDED}) as expired,
      extract(epoch from least(deadline.at, retry.at) - clock_timestamp())::float8 * 1000 as ms
    from deadline, retry`.execute(ctx.db);
  const [found] = rows;
  const { due = [], expired = null, ms = null, hiding = null } = found ?? {};
  return { due, expired: expired === true, nextMs: ms ?? POLL_MS, hiding };
}

/** Ends what is past its deadline, a batch at a time. */
async function endExpired(ctx: GrantsContext, most: number): Promise<Due[]> {
  return ctx.db.transaction().execute(async (trx) => {
    const grants = await trx
      .selectFrom('grants as g')
      .select(['id', 'request_id', 'target_id', 'login'])
      .select(sql<boolean>`claim_s is not null and claimed_at is null`.as('unclaimed'))
      .where('wanted', '=', 'present')
      .where('observed', '=', 'present')
      .where('expires_at', '<=', sql<Date>`now()`)
      .where((eb) => eb.or([eb('landing_s', '=', 0), LANDED]))
      .orderBy('expires_at')
      .limit(most)
      .forUpdate()
      .skipLocked()
      .execute();
    await endGrants(
      trx,
      grants.map(({ unclaimed, ...grant }) => ({
        grant,
        reason: unclaimed ? 'not-claimed' : 'expired',
        note: null,
        actor: SYSTEM_ACTOR,
        byId: null,
      })),
    );
    return grants.map((grant) => ({ id: grant.id, target: grant.target_id }));
  });
}

/** One entry and one line in the log for each revocation that takes longer than it may. */
async function tellOverdue(ctx: GrantsContext): Promise<void> {
  const rows = await ctx.db
    .selectFrom('grants')
    .select(['id', 'request_id', 'target_id', 'login', 'last_error', 'attempts', 'ended_at'])
    .where('wanted', '=', 'absent')
    .where('observed', 'in', ['unknown', 'present'])
    .where('ended_at', '<', sql<Date>`now() - make_interval(secs => ${OVERDUE_SECONDS})`)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('audit_entries')
            .select('seq')
            .whereRef('audit_entries.grant_id', '=', 'grants.id')
            .where('kind', '=', 'grant.overdue'),
        ),
      ),
    )
    .limit(100)
    .execute();
  for (const row of rows) {
    ctx.log.error({ grant: row.id, login: row.login, reason: row.last_error }, 'a revocation is overdue');
    await ctx.db.transaction().execute(async (trx) => {
      await append(trx, {
        kind: 'grant.overdue',
        actor: SYSTEM_ACTOR,
        requestId: row.request_id,
        grantId: row.id,
        targetId: row.target_id,
        detail: {
          login: row.login,
          endedAt: row.ended_at,
          lastError: row.last_error,
          attempts: row.attempts,
        },
      });
      await publish(trx, { topic: 'grants', id: row.id });
    });
  }
}
