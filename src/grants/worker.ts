// The worker: finds what is due in the grants table (it is the queue) and reconciles it, a bounded number at a time
// and for each target, so that one dead target stalls nobody else. Any number of replicas may run it.

import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { messageOf } from '../base/errors.ts';
import { after, type Timer } from '../base/timer.ts';
import { publish } from '../events/events.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { GrantsContext } from './context.ts';
import { endGrant } from './end.ts';
import { type GrantViewRow, OVERDUE_SECONDS } from './grant-view.ts';
import type { StepGrant } from './lease.ts';
import { type Outcome, reconcileGrant, takeStep } from './reconcile.ts';

/** Steps under way at a time: in all, and on one target. */
const MOST_STEPS = 32;
const MOST_STEPS_PER_TARGET = 8;
/** The longest that anything due waits for a worker that heard no kick. */
const POLL_MS = 1_000;
/** Hints that something changed come in bursts, mostly of our own work: they are one look. */
const LOOK_GAP_MS = 200;
const SHORTEST_POLL_MS = 20;
/** Grants that are ended in one transaction. */
const EXPIRED_BATCH = 200;

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

  function launch(grantId: string): void {
    if (underWay.has(grantId)) wantedAgain.add(grantId);
    else void track(grantId, reconcileGrant(ctx, grantId, stopping.signal));
  }

  async function track(grantId: string, step: Promise<Outcome>): Promise<GrantViewRow | null> {
    const tracked = step.catch((error: unknown): Outcome => {
      const facts = { grant: grantId, reason: messageOf(error) };
      ctx.log.error(facts, 'reconcile failed; it will be tried again');
      return 'nothing-to-do';
    });
    underWay.set(grantId, tracked);
    const outcome = await tracked;
    underWay.delete(grantId);
    if (outcome === 'again') loop.kick();
    if (wantedAgain.delete(grantId) && !stopping.signal.aborted) launch(grantId);
    return typeof outcome === 'string' ? null : outcome;
  }

  const loop: Repeating = repeat(ctx, 'grants', POLL_MS, async () => {
    const { due, expired, nextMs } = await lookForWork(ctx, MOST_STEPS);
    if (expired) due.push(...(await endExpired(ctx)));
    for (const id of due) {
      if (underWay.size >= MOST_STEPS) break;
      if (!underWay.has(id)) launch(id);
    }
    if (underWay.size >= MOST_STEPS) await Promise.race(underWay.values());
    return due.length > 0 ? SHORTEST_POLL_MS : Math.max(SHORTEST_POLL_MS, Math.min(POLL_MS, nextMs));
  });
  let soon: Timer | null = null;
  const alarm = repeat(ctx, 'overdue', 5_000, () => tellOverdue(ctx).then(() => undefined));

  return {
    start() {
      loop.start();
      alarm.start();
    },
    kick(grantId) {
      if (stopping.signal.aborted) return;
      if (grantId !== undefined && underWay.size < MOST_STEPS) return launch(grantId);
      if (grantId !== undefined) return loop.kick();
      soon ??= after(LOOK_GAP_MS, () => {
        soon = null;
        loop.kick();
      });
    },
    async take(row) {
      if (stopping.signal.aborted) return null;
      if (!underWay.has(row.id) && underWay.size < MOST_STEPS)
        return track(row.id, takeStep(ctx, row, stopping.signal));
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

interface Work {
  /** Grants whose step is due, fairly among targets. */
  due: string[];
  /** Some active grant is past its deadline. */
  expired: boolean;
  /** Until the next deadline or retry that is known now. */
  nextMs: number;
}

/** One look at the store; its clock decides. */
async function lookForWork(ctx: GrantsContext, limit: number): Promise<Work> {
  const unsettled = sql`((wanted = 'present' and observed = 'unknown') or (wanted = 'absent' and observed <> 'absent'))`;
  const { rows } = await sql<{ due: string[]; expired: boolean | null; ms: number | null }>`
    with unclaimed as (
      select id, target_id, next_attempt_at from grants
      where ${unsettled} and next_attempt_at <= now() and (lease_until is null or lease_until < now())
      order by next_attempt_at limit 2000),
    ranked as (
      select id, next_attempt_at,
        row_number() over (partition by target_id order by next_attempt_at, id) as place from unclaimed),
    deadline as (select min(expires_at) as at from grants where wanted = 'present' and observed = 'present'),
    retry as (
      select min(next_attempt_at) as at from grants
      where ${unsettled} and (lease_until is null or lease_until < now()))
    select
      array(select id from ranked where place <= ${MOST_STEPS_PER_TARGET}
        order by place, next_attempt_at limit ${limit}) as due,
      deadline.at <= now() as expired,
      extract(epoch from least(deadline.at, retry.at) - clock_timestamp())::float8 * 1000 as ms
    from deadline, retry`.execute(ctx.db);
  const [found] = rows;
  return { due: found?.due ?? [], expired: found?.expired === true, nextMs: found?.ms ?? POLL_MS };
}

/** Ends what is past its deadline, a batch at a time; gives their ids. */
async function endExpired(ctx: GrantsContext): Promise<string[]> {
  return ctx.db.transaction().execute(async (trx) => {
    const grants = await trx
      .selectFrom('grants')
      .select(['id', 'request_id', 'target_id', 'login'])
      .where('wanted', '=', 'present')
      .where('observed', '=', 'present')
      .where('expires_at', '<=', sql<Date>`now()`)
      .orderBy('expires_at')
      .limit(EXPIRED_BATCH)
      .forUpdate()
      .skipLocked()
      .execute();
    for (const grant of grants)
      await endGrant(trx, { grant, reason: 'expired', note: null, actor: SYSTEM_ACTOR, byId: null });
    return grants.map((grant) => grant.id);
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
