// The openings of emergency kits as they were read on the targets, for whoever reviews them.

import type { KitOpening } from '../api/break-glass.ts';
import type { Db } from '../db/client.ts';

const MOST_OPENINGS = 500;

export async function openingsOf(
  db: Db,
  reviewIds: string[],
): Promise<(KitOpening & { reviewId: string })[]> {
  if (reviewIds.length === 0) return [];
  const rows = await db
    .selectFrom('kit_openings as o')
    .innerJoin('kit_logins as l', 'l.login', 'o.login')
    .innerJoin('targets as t', 't.id', 'l.target_id')
    .selectAll('o')
    .select('t.name as target')
    .where('o.review_id', 'in', reviewIds)
    .orderBy('o.opened_at')
    .orderBy('o.number')
    .limit(MOST_OPENINGS)
    .execute();
  return rows.map((row) => ({
    reviewId: row.review_id,
    target: row.target,
    number: row.number,
    act: row.act,
    at: row.opened_at.toISOString(),
    until: row.until_at.toISOString(),
    holders: row.holders,
    reason: row.reason,
    clientAddress: row.client_address,
  }));
}
