// What people are told without having asked: a row for each person, written in the transaction of the act, so that
// nobody is told of what did not happen. A repeated notice takes the place of the unread one before it, so that a
// chase never floods anybody. The portal and `sally notices` show them; chat and mail will carry the same rows.

import { sql } from 'kysely';
import type { z } from 'zod';
import type { Notice, NoticeKind, noticePage, noticeQuery } from '../api/notices.ts';
import { newId } from '../base/ids.ts';
import type { Logger } from '../base/log.ts';
import type { Db, Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';

/** Told of one thing; more people than this cannot all be meant. */
export const MOST_TOLD = 200;
const LONGEST_TEXT = 1_000;
/** Of one person; the oldest go, read ones first. */
const MOST_KEPT = 500;
const KEPT_DAYS = 90;
const PRUNE_EVERY_MS = 3_600_000;

export interface Telling {
  kind: NoticeKind;
  subjectId: string;
  text: string;
  loud?: boolean;
}

/** Tells each of `principalIds` (at most `MOST_TOLD`) once. */
export async function tell(trx: Trx, principalIds: readonly string[], telling: Telling): Promise<void> {
  const told = [...new Set(principalIds)].slice(0, MOST_TOLD);
  if (told.length === 0) return;
  await trx
    .deleteFrom('notices')
    .where('principal_id', 'in', told)
    .where('kind', '=', telling.kind)
    .where('subject_id', '=', telling.subjectId)
    .where('read_at', 'is', null)
    .execute();
  await trx
    .insertInto('notices')
    .values(
      told.map((principal_id) => ({
        id: newId('notice'),
        principal_id,
        kind: telling.kind,
        subject_id: telling.subjectId,
        text: telling.text.slice(0, LONGEST_TEXT),
        loud: telling.loud ?? false,
      })),
    )
    .execute();
  await publish(trx, { topic: 'notices' });
}

/** What it was about is over: nobody has to look any more. Those told keep it, as read. */
export async function settleNotices(trx: Trx, kind: NoticeKind, subjectId: string): Promise<void> {
  const { numUpdatedRows } = await trx
    .updateTable('notices')
    .set({ read_at: sql<Date>`now()` })
    .where('kind', '=', kind)
    .where('subject_id', '=', subjectId)
    .where('read_at', 'is', null)
    .executeTakeFirst();
  if (numUpdatedRows > 0n) await publish(trx, { topic: 'notices' });
}

/** The reader's own, newest first. */
export async function listNotices(
  db: Db,
  principalId: string,
  query: z.output<typeof noticeQuery>,
): Promise<z.input<typeof noticePage>> {
  let select = db.selectFrom('notices').selectAll().where('principal_id', '=', principalId);
  if (query.unread) select = select.where('read_at', 'is', null);
  if (query.cursor !== undefined) select = select.where('id', '<', query.cursor);
  const [rows, counted] = await Promise.all([
    select
      .orderBy('id', 'desc')
      .limit(query.limit + 1)
      .execute(),
    db
      .selectFrom('notices')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('principal_id', '=', principalId)
      .where('read_at', 'is', null)
      .executeTakeFirstOrThrow(),
  ]);
  const items = rows.slice(0, query.limit).map(
    (row): Notice => ({
      id: row.id,
      kind: row.kind as NoticeKind,
      subjectId: row.subject_id,
      text: row.text,
      loud: row.loud,
      at: row.created_at.toISOString(),
      readAt: row.read_at?.toISOString() ?? null,
    }),
  );
  return {
    items,
    nextCursor: rows.length > query.limit ? (items.at(-1)?.id ?? null) : null,
    unread: counted.count,
  };
}

/** Those of the reader's own that are named, or all; how many were unread. Somebody else's are as if they were not there. */
export async function readNotices(
  db: Db,
  principalId: string,
  ids: readonly string[] | undefined,
): Promise<number> {
  let update = db
    .updateTable('notices')
    .set({ read_at: sql<Date>`now()` })
    .where('principal_id', '=', principalId)
    .where('read_at', 'is', null);
  if (ids !== undefined) update = update.where('id', 'in', [...ids]);
  const { numUpdatedRows } = await update.executeTakeFirstOrThrow();
  if (numUpdatedRows > 0n) await publish(db, { topic: 'notices' });
  return Number(numUpdatedRows);
}

/** Keeps each person's list bounded. */
export function createNoticePruning(ctx: { db: Db; log: Logger }): Repeating {
  return repeat(ctx, 'old notices', PRUNE_EVERY_MS, async () => {
    await sql`
      delete from notices n using (
        select id, row_number() over (
          partition by principal_id order by read_at is not null, id desc) as place
        from notices) r
      where n.id = r.id and (r.place > ${MOST_KEPT}
        or (n.read_at is not null and n.created_at < now() - make_interval(days => ${KEPT_DAYS})))`.execute(
      ctx.db,
    );
    return undefined;
  });
}
