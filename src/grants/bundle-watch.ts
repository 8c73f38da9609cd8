// The members of a bundle become active together, when each is there on its target, or end together when one of them
// ended before that: found by looking at the rows, so that a crash at any point changes nothing of it. What a target
// made already is taken back by the same way out as every grant. Afterwards each member lives and ends by itself.

import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { GrantsContext } from './context.ts';
import { endGrants } from './end.ts';
import type { GrantRow } from './lease.ts';

const EVERY_MS = 1_000;
const BATCH = 100;

export function createBundleWatch(ctx: Pick<GrantsContext, 'db' | 'log'>): Repeating {
  return repeat(ctx, 'bundles', EVERY_MS, async () => {
    const { rows } = await sql<{ request_id: string }>`
      select w.request_id from (
        select distinct request_id from grants where bundled and wanted = 'present' and activated_at is null) w
      where not exists (select 1 from grants g
          where g.request_id = w.request_id and not (g.wanted = 'present' and g.observed = 'present'))
        or exists (select 1 from grants g where g.request_id = w.request_id and g.wanted = 'absent')
      limit ${BATCH}`.execute(ctx.db);
    for (const { request_id: requestId } of rows)
      await ctx.db.transaction().execute((trx) => settleBundle(trx, requestId));
    return rows.length === BATCH ? 0 : undefined;
  });
}

/** Twice is once. */
export async function settleBundle(trx: Trx, requestId: string): Promise<void> {
  const members = await trx
    .selectFrom('grants')
    .selectAll()
    .where('request_id', '=', requestId)
    .orderBy('id')
    .forUpdate()
    .execute();
  const waiting = members.filter((one) => one.wanted === 'present' && one.activated_at === null);
  const failed = members.find((one) => one.wanted === 'absent');
  if (failed !== undefined) await undo(trx, waiting, failed);
  else if (waiting.every((one) => one.observed === 'present'))
    for (const member of waiting) await activate(trx, member);
}

async function undo(trx: Trx, waiting: GrantRow[], failed: GrantRow): Promise<void> {
  await endGrants(
    trx,
    waiting.map((grant) => ({
      grant,
      reason: 'bundle-undone',
      note: `All or none: ${failed.id}, which was asked for together with it, ended before all were there (${failed.end_reason}).`,
      actor: SYSTEM_ACTOR,
      byId: null,
    })),
  );
}

async function activate(trx: Trx, member: GrantRow): Promise<void> {
  await trx
    .updateTable('grants')
    .set({
      activated_at: sql<Date>`now()`,
      expires_at: sql<Date>`now() + make_interval(secs => coalesce(claim_s, duration_s))`,
      version: sql`version + 1`,
    })
    .where('id', '=', member.id)
    .execute();
  await append(trx, {
    kind: 'grant.active',
    actor: SYSTEM_ACTOR,
    requestId: member.request_id,
    grantId: member.id,
    targetId: member.target_id,
    detail: { login: member.login, durationSeconds: member.duration_s, handle: member.handle },
  });
  await publish(trx, { topic: 'grants', id: member.id });
}
