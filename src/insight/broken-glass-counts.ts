// How much glass is broken, how many of its reviews wait, and how many emergency kits would not open now.

import { sql } from 'kysely';
import type { Db } from '../db/client.ts';

export interface BrokenGlassCounts {
  live: number;
  open: number;
  overdue: number;
  stale: number;
}

export async function brokenGlassCounts(db: Db): Promise<BrokenGlassCounts> {
  const { rows } = await sql<BrokenGlassCounts>`
    select count(*) filter (where g.wanted = 'present')::int as live,
      count(*) filter (where v.decided_at is null)::int as open,
      count(*) filter (where v.decided_at is null and v.due_at < now())::int as overdue,
      (select count(*)::int from kits where state in ('making', 'ready') and (problems <> '[]' or state = 'making')) as stale
    from reviews v left join grants g on g.id = v.grant_id`.execute(db);
  return rows[0] ?? { live: 0, open: 0, overdue: 0, stale: 0 };
}
