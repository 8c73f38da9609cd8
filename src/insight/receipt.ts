// The receipt of a grant: asked, held, used, unused, left behind, and the narrower request that would have done.

import { sql } from 'kysely';
import type { Receipt } from '../api/grants.ts';
import { formatDuration } from '../base/duration.ts';
import { notFound } from '../base/errors.ts';
import type { Db } from '../db/client.ts';
import { BEYOND } from '../sessions/recording-format.ts';
import type { Tasks } from '../targets/tasks.ts';
import { grantUse, rightsInUse } from './usage.ts';

/** Round lengths that people ask for, in seconds; the narrower request names the first that would have fitted. */
const USUAL_SECONDS = [300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400];
/** Room over the time used, so that the next request is not too tight. */
const ROOM = 1.25;

export async function receiptOf(ctx: { db: Db; tasks: Tasks }, grantId: string): Promise<Receipt> {
  const row = await ctx.db
    .selectFrom('grants as g')
    .innerJoin('requests as r', 'r.id', 'g.request_id')
    .innerJoin('tasks as k', 'k.id', 'g.task_id')
    .select([
      'g.id',
      'g.report',
      'g.activated_at',
      'g.ended_at',
      'r.duration_s',
      'g.duration_s as granted_s',
      'r.reason',
      'k.name',
      'k.kind',
      'k.entitlement',
    ])
    .select(
      sql<number | null>`extract(epoch from coalesce(g.ended_at, now()) - g.activated_at)::float8`.as(
        'held_s',
      ),
    )
    .where('g.id', '=', grantId)
    .executeTakeFirst();
  if (row === undefined) throw notFound('grant', grantId);
  const [sessions, uses] = await Promise.all([sessionTotals(ctx.db, grantId), grantUse(ctx.db, grantId)]);
  const { used, unused } = rightsInUse(ctx.tasks.rights(row), uses);
  const report = row.report as { leftBehind?: string[] } | null;
  return {
    grantId,
    asked: { task: row.name, durationSeconds: row.duration_s, reason: row.reason },
    heldSeconds: row.held_s,
    usedSeconds: sessions.usedSeconds,
    sessions: sessions.count,
    statements: sessions.statements,
    read: sessions.read,
    used: used.map(({ right, statements, rows }) => ({ right: right.words, statements, rows })),
    unused: unused.map((right) => right.words),
    beyond: uses
      .filter((use) => use.verb === BEYOND)
      .map(({ object, statements }) => ({ what: object, statements })),
    leftBehind: report?.leftBehind ?? [],
    narrower:
      row.ended_at === null ? null : narrower(row.name, row.granted_s, sessions, unused.length, used.length),
  };
}

interface Totals {
  count: number;
  statements: number;
  usedSeconds: number;
  read: Receipt['read'];
}

// Sessions that overlap count once: the time used is the time in which at least one was open.
async function sessionTotals(db: Db, grantId: string): Promise<Totals> {
  const { rows } = await sql<{
    count: number;
    statements: number;
    used: number | null;
    rows_read: number;
    bytes_read: number;
    most_rows: number | null;
    most_bytes: number | null;
  }>`
    select count(*)::int as count, coalesce(sum(statements), 0)::int as statements,
      coalesce(sum(rows_read), 0)::float8 as rows_read, coalesce(sum(bytes_read), 0)::float8 as bytes_read,
      min((controls->>'maxRows')::float8) as most_rows, min((controls->>'maxBytes')::float8) as most_bytes,
      (select extract(epoch from sum(upper(part) - lower(part)))::float8
       from unnest((select range_agg(tstzrange(started_at, coalesce(ended_at, now()))) from sessions where grant_id = ${grantId})) as part) as used
    from sessions where grant_id = ${grantId}`.execute(db);
  const row = rows[0];
  return {
    count: row?.count ?? 0,
    statements: row?.statements ?? 0,
    usedSeconds: row?.used ?? 0,
    read: {
      rows: row?.rows_read ?? 0,
      bytes: row?.bytes_read ?? 0,
      mostRows: row?.most_rows ?? null,
      mostBytes: row?.most_bytes ?? null,
    },
  };
}

function narrower(
  task: string,
  grantedSeconds: number,
  totals: Totals,
  unused: number,
  used: number,
): string | null {
  if (totals.count === 0) return 'Nothing was done with it: next time, ask when you are about to begin.';
  const fits = USUAL_SECONDS.find((seconds) => seconds >= totals.usedSeconds * ROOM);
  const parts: string[] = [];
  if (fits !== undefined && fits < grantedSeconds)
    parts.push(`ask for ${formatDuration(fits)} instead of ${formatDuration(grantedSeconds)}`);
  if (unused > 0 && used > 0)
    parts.push(
      `a task narrower than ${task} would do: ${unused} of its ${unused + used} rights were not used`,
    );
  return parts.length === 0 ? null : `Next time, ${parts.join('; and ')}.`;
}
