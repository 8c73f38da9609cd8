// A request that nobody decided in time is over: it can never be approved later, by anyone.

import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { publish } from '../events/events.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { GrantsContext } from './context.ts';

const EVERY_MS = 1_000;
const BATCH = 200;
/** More time for a grant that has ended is asked for in vain. */
const EXTENDS_WHAT_IS_OVER = sql<boolean>`(extends_grant is not null and exists (
  select 1 from grants g where g.id = extends_grant and g.wanted = 'absent'))`;

export function createRequestExpiry(ctx: GrantsContext): Repeating {
  return repeat(ctx, 'request expiry', EVERY_MS, async () =>
    (await expireRequests(ctx)) === BATCH ? 0 : undefined,
  );
}

/** How many were expired; at most a batch at a time. */
export async function expireRequests(ctx: Pick<GrantsContext, 'db'>): Promise<number> {
  return ctx.db.transaction().execute(async (trx) => {
    const due = await trx
      .selectFrom('requests')
      .select(['id', 'target_id'])
      .where('state', '=', 'pending')
      .where((eb) => eb.or([eb('expires_at', '<=', sql<Date>`now()`), EXTENDS_WHAT_IS_OVER]))
      .orderBy('expires_at')
      .limit(BATCH)
      .forUpdate()
      .skipLocked()
      .execute();
    if (due.length === 0) return 0;
    await trx
      .updateTable('requests')
      .set({ state: 'expired', decided_at: sql`now()`, version: sql`version + 1` })
      .where(
        'id',
        'in',
        due.map((row) => row.id),
      )
      .execute();
    for (const row of due) {
      await append(trx, {
        kind: 'request.expired',
        actor: SYSTEM_ACTOR,
        requestId: row.id,
        targetId: row.target_id,
        detail: {},
      });
      await publish(trx, { topic: 'requests', id: row.id });
    }
    return due.length;
  });
}
