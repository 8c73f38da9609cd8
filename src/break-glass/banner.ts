// What stands on every page and over `sally grants` while glass is broken: everybody sees that, whoever they are, so
// it says no more than who, where and until when; a reason is for who may see the review.

import { sql } from 'kysely';
import type { z } from 'zod';
import type { BrokenGlass, brokenGlassList } from '../api/break-glass.ts';
import type { GrantsContext } from '../grants/context.ts';
import { seesEverything } from '../grants/platform-rights.ts';
import type { Caller } from '../grants/submit.ts';

const MOST_SHOWN = 50;

interface Row {
  review_id: string;
  drill: boolean;
  source: 'grant' | 'kit';
  used_by: string[];
  target: string | null;
  segment: string;
  task: string;
  until_at: Date | null;
}

export async function brokenGlassNow(
  ctx: GrantsContext,
  caller: Caller,
): Promise<z.input<typeof brokenGlassList>> {
  const { id } = caller.principal;
  const all = seesEverything(ctx, caller);
  const [live, counts] = await Promise.all([
    sql<Row>`
      select v.id as review_id, v.drill_id is not null as drill, v.source, t.name as target, v.segment, v.task,
        case when v.source = 'kit' then array(select distinct o.holders from kit_openings o where o.review_id = v.id)
          else array(select p.name from principals p where p.id = any(v.used_by) order by p.name) end as used_by,
        coalesce(g.expires_at, (select max(o.until_at) from kit_openings o where o.review_id = v.id)) as until_at
      from reviews v left join targets t on t.id = v.target_id left join grants g on g.id = v.grant_id
      where (v.source = 'grant' and (g.wanted = 'present' or g.observed in ('unknown', 'present')))
        or (v.source = 'kit' and exists (select from kit_logins l where l.kit_id = v.kit_id
          and l.generation = v.kit_generation and l.opened_at is not null and l.observed not in ('absent', 'inert')))
      order by v.id desc limit ${MOST_SHOWN}`.execute(ctx.db),
    sql<{ waiting: number; overdue: number }>`
      select count(*)::int as waiting, count(*) filter (where v.due_at < now())::int as overdue
      from reviews v where v.decided_at is null and not (${id} = any(v.used_by))
        and (${all} or ${id} = any(v.told))`.execute(ctx.db),
  ]);
  const [count] = counts.rows;
  return {
    items: live.rows.map(
      (row): BrokenGlass => ({
        reviewId: row.review_id,
        drill: row.drill,
        source: row.source,
        usedBy: row.used_by,
        target: row.target,
        segment: row.segment,
        task: row.task,
        until: row.until_at?.toISOString() ?? null,
      }),
    ),
    reviewsWaiting: count?.waiting ?? 0,
    reviewsOverdue: count?.overdue ?? 0,
  };
}
