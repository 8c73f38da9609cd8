// What an approver would want to know and cannot see on the request itself: how it differs from what this person
// usually asks for, in words, from the store's own history.

import { sql } from 'kysely';
import { formatDuration } from '../base/duration.ts';
import type { Db } from '../db/client.ts';
import type { RequestRow } from './approve.ts';

const HISTORY_DAYS = 90;

export async function whatIsUnusual(db: Db, row: RequestRow): Promise<string[]> {
  const past = await db
    .selectFrom('requests')
    .select((eb) => [
      eb.fn.countAll<number>().as('all'),
      sql<number>`count(*) filter (where task_id = ${row.task_id})`.as('same_task'),
      sql<number>`count(*) filter (where target_id = ${row.target_id})`.as('same_target'),
      sql<number | null>`max(duration_s) filter (where task_id = ${row.task_id})`.as('longest'),
      sql<number>`count(*) filter (where source_address = ${row.source_address})`.as('same_address'),
      sql<number>`count(*) filter (where state = 'denied' and created_at > now() - interval '1 day')`.as(
        'denied_today',
      ),
    ])
    .where('requester_id', '=', row.requester_id)
    .where('id', '<', row.id)
    .where('created_at', '>', sql<Date>`now() - make_interval(days => ${HISTORY_DAYS})`)
    .executeTakeFirstOrThrow();
  if (past.all === 0) return [`Their first request in ${HISTORY_DAYS} days.`];
  const found: string[] = [];
  if (past.same_target === 0) found.push('Never asked for this target before.');
  else if (past.same_task === 0) found.push('Never asked for this task before.');
  if (past.longest !== null && row.duration_s > past.longest) {
    found.push(
      `Longer than ever: ${formatDuration(row.duration_s)}, at most ${formatDuration(past.longest)} until now.`,
    );
  }
  if (past.same_address === 0) found.push(`From an address never used before: ${row.source_address}.`);
  if (past.denied_today > 0)
    found.push(`Denied ${past.denied_today} ${past.denied_today === 1 ? 'time' : 'times'} in the last day.`);
  return found;
}

/** When this person last held this task on this target (RFC 3339), or null. */
export async function lastUsedAt(db: Db, row: RequestRow): Promise<string | null> {
  const last = await db
    .selectFrom('grants')
    .select((eb) => eb.fn.max('activated_at').as('at'))
    .where('principal_id', '=', row.requester_id)
    .where('target_id', '=', row.target_id)
    .where('task_id', '=', row.task_id)
    .where('request_id', '!=', row.id)
    .executeTakeFirst();
  return last?.at?.toISOString() ?? null;
}
