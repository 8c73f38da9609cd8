// The reviews of every use of break-glass: who may see and decide them, and the verdict. A verdict is given once, by
// somebody who stands behind none of those who used it.

import { sql } from 'kysely';
import type { z } from 'zod';
import type { Review, reviewBody, reviewPage, reviewQuery } from '../api/break-glass.ts';
import { append } from '../audit/append.ts';
import { conflict, Failure, notFound } from '../base/errors.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import { personOf } from '../grants/handed-voice.ts';
import { seesEverything } from '../grants/platform-rights.ts';
import type { Caller } from '../grants/submit.ts';
import { actorOf, type Principal, principalsById, refOf } from '../identity/principals.ts';
import { tell } from '../notices/notices.ts';
import { openingsOf } from './kit-openings.ts';
import { whyNotReview } from './whom.ts';

const MOST_SESSIONS = 50;
const MOST_NAMED = 50;

function selectReviews(ctx: Pick<GrantsContext, 'db'>) {
  return ctx.db
    .selectFrom('reviews as v')
    .leftJoin('targets as t', 't.id', 'v.target_id')
    .leftJoin('grants as g', 'g.id', 'v.grant_id')
    .leftJoin('requests as r', 'r.id', 'g.request_id')
    .selectAll('v')
    .select(['t.name as target', 'g.request_id', 'r.handed_by as asked_by_hands'])
    .select(sql<boolean>`v.decided_at is null and v.due_at < now()`.as('overdue'));
}

type Row = Awaited<ReturnType<ReturnType<typeof selectReviews>['executeTakeFirstOrThrow']>>;

/** Newest first: all for who may audit or administer, else one's own uses and those that one was told of. */
export async function listReviews(
  ctx: GrantsContext,
  caller: Caller,
  query: z.output<typeof reviewQuery>,
): Promise<z.input<typeof reviewPage>> {
  let select = selectReviews(ctx);
  if (!seesEverything(ctx, caller)) select = select.where(isConcerned(caller.principal.id));
  if (query.state === 'decided') select = select.where('v.decided_at', 'is not', null);
  if (query.state === 'open') select = select.where('v.decided_at', 'is', null);
  if (query.state === 'overdue')
    select = select.where('v.decided_at', 'is', null).where('v.due_at', '<', sql<Date>`now()`);
  if (query.cursor !== undefined) select = select.where('v.id', '<', query.cursor);
  const rows = await select
    .orderBy('v.id', 'desc')
    .limit(query.limit + 1)
    .execute();
  const items = await viewsOf(ctx, caller, rows.slice(0, query.limit));
  return { items, nextCursor: rows.length > query.limit ? (items.at(-1)?.id ?? null) : null };
}

const isConcerned = (principalId: string) =>
  sql<boolean>`(${principalId} = any(v.told) or ${principalId} = any(v.used_by))`;

/** Errors: `unknown-review`, also for one that the caller may not see. */
export async function viewReview(ctx: GrantsContext, caller: Caller, id: string): Promise<Review> {
  const row = await selectReviews(ctx).where('v.id', '=', id).executeTakeFirst();
  if (row === undefined || !maySee(ctx, caller, row)) throw notFound('review', id);
  const [view] = await viewsOf(ctx, caller, [row]);
  if (view === undefined) throw notFound('review', id);
  return view;
}

function maySee(ctx: GrantsContext, { ...caller }: Caller, row: Row): boolean {
  const { id } = caller.principal;
  return row.told.includes(id) || row.used_by.includes(id) || seesEverything(ctx, caller);
}

/** Who used it, with those through whose hands their way to sign in went. */
const behind = (row: Row): string[] => [...row.used_by, ...(row.asked_by_hands ?? [])];

/** `users` are those of `behind`; `handers` those through whose hands the caller's way to sign in went. */
function whyNotDecide(
  ctx: GrantsContext,
  caller: Caller,
  row: Row,
  { users, handers }: { users: Principal[]; handers: Principal[] },
): string | null {
  if (row.decided_at !== null) return 'This review is decided.';
  if (caller.principal.kind !== 'person') return 'Only people review.';
  const own = whyNotReview(caller.principal, users);
  if (own !== null) return own;
  const people = new Set(users.map(personOf));
  const handed = handers.find((one) => people.has(personOf(one)));
  if (handed !== undefined)
    return `${handed.displayName} handed out a way to sign in that was used here: it would be a verdict on their own use.`;
  return row.told.includes(caller.principal.id) || seesEverything(ctx, caller)
    ? null
    : 'You were not told of it, and may not audit.';
}

async function viewsOf(ctx: GrantsContext, caller: Caller, rows: Row[]): Promise<Review[]> {
  if (rows.length === 0) return [];
  const ids = rows.flatMap((row) => [
    ...behind(row),
    ...row.told,
    ...(row.decided_by === null ? [] : [row.decided_by]),
  ]);
  const handedBy = caller.handedBy ?? [];
  const [people, sessions, openings] = await Promise.all([
    principalsById(ctx.db, [...new Set([...ids, ...handedBy])]),
    sessionsOf(
      ctx,
      rows.flatMap((row) => row.grant_id ?? []),
    ),
    openingsOf(
      ctx.db,
      rows.flatMap((row) => (row.source === 'kit' ? [row.id] : [])),
    ),
  ]);
  const named = (list: readonly string[]) => list.flatMap((id) => people.get(id) ?? []);
  return rows.map((row): Review => {
    const users = named(row.used_by);
    const mayNot = whyNotDecide(ctx, caller, row, { users: named(behind(row)), handers: named(handedBy) });
    const decidedBy = people.get(row.decided_by ?? '');
    return {
      id: row.id,
      source: row.source,
      drill: row.drill_id !== null,
      grantId: row.grant_id,
      requestId: row.request_id,
      kitId: row.kit_id,
      target: row.target,
      segment: row.segment,
      task: row.task,
      reason: row.reason,
      usedBy: users.map(refOf),
      told: named(row.told).slice(0, MOST_NAMED).map(refOf),
      openedAt: row.opened_at.toISOString(),
      dueAt: row.due_at.toISOString(),
      overdue: row.overdue,
      chases: row.chases,
      verdict: row.verdict,
      comment: row.comment,
      decidedBy: decidedBy === undefined ? null : refOf(decidedBy),
      decidedAt: row.decided_at?.toISOString() ?? null,
      sessions: sessions.filter((one) => one.grantId === row.grant_id).map(({ grantId: _, ...one }) => one),
      openings: openings.filter((one) => one.reviewId === row.id).map(({ reviewId: _, ...one }) => one),
      mayDecide: mayNot === null,
      mayNot,
    };
  });
}

async function sessionsOf(ctx: GrantsContext, grantIds: string[]) {
  if (grantIds.length === 0) return [];
  const rows = await ctx.db
    .selectFrom('sessions')
    .select(['id', 'grant_id', 'started_at', 'ended_at', 'statements'])
    .where('grant_id', 'in', grantIds)
    .orderBy('started_at')
    .limit(MOST_SESSIONS * grantIds.length)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    grantId: row.grant_id,
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
    statements: row.statements,
  }));
}

/** Errors: `unknown-review`, `review-decided`, `may-not-review`. */
export async function decideReview(
  ctx: GrantsContext,
  caller: Caller,
  id: string,
  body: z.output<typeof reviewBody>,
): Promise<Review> {
  const row = await selectReviews(ctx).where('v.id', '=', id).executeTakeFirst();
  if (row === undefined || !maySee(ctx, caller, row)) throw notFound('review', id);
  const known = await principalsById(ctx.db, [...behind(row), ...(caller.handedBy ?? [])]);
  const named = (ids: readonly string[]) => ids.flatMap((one) => known.get(one) ?? []);
  const handers = named(caller.handedBy ?? []);
  const decided = () =>
    conflict('review-decided', 'This review was decided already; a verdict is given once.');
  if (row.decided_at !== null) throw decided();
  const mayNot = whyNotDecide(ctx, caller, row, { users: named(behind(row)), handers });
  if (mayNot !== null) throw new Failure('denied', 'may-not-review', mayNot);
  await ctx.db.transaction().execute(async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('reviews')
      .set({
        verdict: body.verdict,
        comment: body.comment,
        decided_by: caller.principal.id,
        decided_at: sql<Date>`now()`,
      })
      .where('id', '=', id)
      .where('decided_at', 'is', null)
      .executeTakeFirstOrThrow();
    if (numUpdatedRows === 0n) throw decided();
    // What was chased is done: nobody else has to look.
    await trx
      .updateTable('notices')
      .set({ read_at: sql<Date>`now()` })
      .where('subject_id', '=', id)
      .where('read_at', 'is', null)
      .execute();
    await append(trx, {
      kind: 'review.decided',
      actor: actorOf(caller.principal),
      grantId: row.grant_id ?? undefined,
      requestId: row.request_id ?? undefined,
      targetId: row.target_id ?? undefined,
      sourceAddress: caller.sourceAddress,
      detail: {
        reviewId: id,
        verdict: body.verdict,
        comment: body.comment,
        drill: row.drill_id !== null,
        usedBy: named(row.used_by).map((one) => one.name),
        overdue: row.overdue,
      },
    });
    await tell(trx, row.used_by, {
      kind: 'review-decided',
      subjectId: id,
      text: `${caller.principal.displayName} reviewed your break-glass on ${row.target ?? row.segment}: ${WORDS[body.verdict]}. “${body.comment}”`,
    });
    await publish(trx, { topic: 'break-glass', id });
  });
  return viewReview(ctx, caller, id);
}

const WORDS = {
  justified: 'justified',
  'not-justified': 'not justified',
  'follow-up': 'needs a follow-up',
} as const;
