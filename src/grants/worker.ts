// The worker: finds what is due in the grants table (it is the queue) and reconciles it, a bounded number at a time
// and for each target, so that one dead target stalls nobody else. Any number of replicas may run it.

import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { messageOf } from '../base/errors.ts';
import { publish } from '../events/events.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { GrantsContext } from './context.ts';
import { endGrant } from './end.ts';
import { reconcileGrant } from './reconcile.ts';

/** Steps under way at a time: in all, and on one target. */
const MOST_STEPS = 32;
const MOST_STEPS_PER_TARGET = 8;
/** The longest that anything due waits for a worker that heard no kick. */
const POLL_MS = 1_000;
const SHORTEST_POLL_MS = 20;
/** A revocation that the target has not confirmed by then is overdue: told once, loudly. */
export const OVERDUE_SECONDS = 60;

export interface GrantWorker {
  start(): void;
  /** Work on this grant now, or look for work. */
  kick(grantId?: string): void;
  stop(): Promise<void>;
}

export function createGrantWorker(ctx: GrantsContext): GrantWorker {
  const stopping = new AbortController();
  const underWay = new Map<string, Promise<void>>();
  const wantedAgain = new Set<string>();

  function launch(grantId: string): void {
    if (underWay.has(grantId)) {
      wantedAgain.add(grantId);
      return;
    }
    const step = reconcileGrant(ctx, grantId, stopping.signal)
      .then(
        (settled) => !settled && loop.kick(),
        (error: unknown) =>
          ctx.log.error(
            { grant: grantId, reason: messageOf(error) },
            'reconcile failed; it will be tried again',
          ),
      )
      .then(() => {
        underWay.delete(grantId);
        if (wantedAgain.delete(grantId) && !stopping.signal.aborted) launch(grantId);
      });
    underWay.set(grantId, step);
  }

  const loop: Repeating = repeat(ctx, 'grants', POLL_MS, async () => {
    const ended = await endExpired(ctx);
    const due = await dueGrants(ctx, MOST_STEPS);
    for (const id of due) {
      if (underWay.size >= MOST_STEPS) break;
      if (!underWay.has(id)) launch(id);
    }
    if (underWay.size >= MOST_STEPS) await Promise.race(underWay.values());
    return ended + due.length > 0 ? SHORTEST_POLL_MS : await msToNextDue(ctx);
  });
  const alarm = repeat(ctx, 'overdue', 5_000, () => tellOverdue(ctx).then(() => undefined));

  return {
    start() {
      loop.start();
      alarm.start();
    },
    kick(grantId) {
      if (stopping.signal.aborted) return;
      if (grantId !== undefined && underWay.size < MOST_STEPS) launch(grantId);
      else loop.kick();
    },
    async stop() {
      stopping.abort();
      await Promise.all([loop.stop(), alarm.stop()]);
      await Promise.allSettled(underWay.values());
    },
  };
}

/** Ends what is past its deadline; the store's clock decides. How many were ended. */
async function endExpired(ctx: GrantsContext): Promise<number> {
  const due = await ctx.db
    .selectFrom('grants')
    .select('id')
    .where('wanted', '=', 'present')
    .where('observed', '=', 'present')
    .where('expires_at', '<=', sql<Date>`now()`)
    .orderBy('expires_at')
    .limit(200)
    .execute();
  if (due.length === 0) return 0;
  await ctx.db.transaction().execute(async (trx) => {
    const ids = await trx
      .selectFrom('grants')
      .select('id')
      .where(
        'id',
        'in',
        due.map((row) => row.id),
      )
      .where('wanted', '=', 'present')
      .where('expires_at', '<=', sql<Date>`now()`)
      .orderBy('id')
      .forUpdate()
      .skipLocked()
      .execute();
    for (const { id } of ids) {
      await endGrant(trx, { grantId: id, reason: 'expired', note: null, actor: SYSTEM_ACTOR, byId: null });
    }
  });
  return due.length;
}

async function dueGrants(ctx: GrantsContext, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from (
      select id, next_attempt_at, row_number() over (partition by target_id order by next_attempt_at, id) as place
      from (
        select id, target_id, next_attempt_at from grants
        where ((wanted = 'present' and observed = 'unknown') or (wanted = 'absent' and observed <> 'absent'))
          and next_attempt_at <= now() and (lease_until is null or lease_until < now())
        order by next_attempt_at limit 2000
      ) due
    ) ranked where place <= ${MOST_STEPS_PER_TARGET} order by place, next_attempt_at limit ${limit}`.execute(
    ctx.db,
  );
  return rows.map((row) => row.id);
}

async function msToNextDue(ctx: GrantsContext): Promise<number> {
  const { rows } = await sql<{ ms: number | null }>`
    select extract(epoch from min(due) - clock_timestamp())::float8 * 1000 as ms from (
      select min(expires_at) as due from grants where wanted = 'present' and observed = 'present'
      union all
      select min(next_attempt_at) from grants
      where ((wanted = 'present' and observed = 'unknown') or (wanted = 'absent' and observed <> 'absent'))
        and (lease_until is null or lease_until < now())
    ) next`.execute(ctx.db);
  const ms = rows[0]?.ms ?? POLL_MS;
  return Math.max(SHORTEST_POLL_MS, Math.min(POLL_MS, ms));
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
