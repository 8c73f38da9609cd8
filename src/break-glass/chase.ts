// A review that nobody decides is asked for again, more often once it is overdue, until somebody does.

import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import { tell } from '../notices/notices.ts';

const LOOK_EVERY_MS = 5_000;
const BEFORE_DUE_SECONDS = 86_400;
const OVERDUE_SECONDS = 4 * 3_600;
const MOST_A_LOOK = 50;

export function createReviewChase(ctx: GrantsContext): Repeating {
  return repeat(ctx, 'reviews are chased', LOOK_EVERY_MS, async () => {
    const chased = await chaseReviews(ctx);
    return chased === MOST_A_LOOK ? 0 : undefined;
  });
}

/** How many were asked for again. */
export function chaseReviews(ctx: GrantsContext): Promise<number> {
  return ctx.db.transaction().execute(async (trx) => {
    const rows = await trx
      .selectFrom('reviews as v')
      .leftJoin('targets as t', 't.id', 'v.target_id')
      .select([
        'v.id',
        'v.told',
        'v.task',
        'v.segment',
        'v.grant_id',
        'v.target_id',
        'v.drill_id',
        't.name as target',
      ])
      .select(sql<boolean>`v.due_at <= now()`.as('overdue'))
      .select(sql<boolean>`v.due_at <= now() and v.chased_at < v.due_at`.as('newly_overdue'))
      .where('v.decided_at', 'is', null)
      .where(
        sql<boolean>`case when v.due_at <= now()
          then v.chased_at < v.due_at or v.chased_at < now() - make_interval(secs => ${OVERDUE_SECONDS})
          else v.chased_at < now() - make_interval(secs => ${BEFORE_DUE_SECONDS}) end`,
      )
      .orderBy('v.due_at')
      .limit(MOST_A_LOOK)
      .forUpdate('v')
      .skipLocked()
      .execute();
    for (const row of rows) {
      await trx
        .updateTable('reviews')
        .set({ chased_at: sql<Date>`now()`, chases: sql`chases + 1` })
        .where('id', '=', row.id)
        .execute();
      const what = `the break-glass ${row.drill_id === null ? '' : 'drill '}of ${row.task} on ${row.target ?? row.segment}`;
      await tell(trx, row.told, {
        kind: 'review',
        subjectId: row.id,
        text: row.overdue ? `OVERDUE: ${what} has not been reviewed.` : `Please review ${what}.`,
        loud: row.overdue,
      });
      if (!row.newly_overdue) continue;
      ctx.log.error(
        { review: row.id, target: row.target, task: row.task },
        'a review of break-glass is overdue',
      );
      await append(trx, {
        kind: 'review.overdue',
        actor: SYSTEM_ACTOR,
        grantId: row.grant_id ?? undefined,
        targetId: row.target_id ?? undefined,
        detail: { reviewId: row.id, target: row.target, segment: row.segment, task: row.task },
      });
      await publish(trx, { topic: 'break-glass', id: row.id });
    }
    return rows.length;
  });
}
