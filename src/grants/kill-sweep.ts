// What a kill switch in force asks for, found by looking, a bounded number in one transaction: grants in its scope end
// (those with open sessions first, so that they are cut at once), pending requests are cancelled, and what was ending
// already is counted with it. It takes no input, so it goes on after a crash, and catches what slipped in beside it.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import { publish } from '../events/events.ts';
import { actorOf, principalById } from '../identity/principals.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { GrantsContext } from './context.ts';
import { endGrants } from './end.ts';
import { inScope, type KillRow, killsInForce } from './kill-scope.ts';

const EVERY_MS = 1_000;
/** Grants or requests in one transaction. */
const BATCH = 200;

type SweepContext = Pick<GrantsContext, 'db' | 'log'>;

export function createKillSweep(ctx: SweepContext): Repeating {
  return repeat(ctx, 'kill switches', EVERY_MS, async (signal) => {
    for (const kill of await killsInForce(ctx.db)) await sweepKill(ctx, kill, signal);
    return undefined;
  });
}

/** Until nothing is left in its scope. Errors: the store's; what was done stays done. */
export async function sweepKill(ctx: SweepContext, kill: KillRow, signal?: AbortSignal): Promise<void> {
  for (const step of [endBatch, cancelBatch, countBatch])
    while (signal?.aborted !== true && (await step(ctx, kill)) === BATCH);
}

async function endBatch(ctx: SweepContext, kill: KillRow): Promise<number> {
  return ctx.db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ id: string; request_id: string; target_id: string; login: string }>`
      select g.id, g.request_id, g.target_id, g.login from grants g join targets t on t.id = g.target_id
      where g.wanted = 'present' and ${inScope(kill, sql.ref('g.principal_id'))}
      order by exists (select 1 from sessions s where s.grant_id = g.id and s.ended_at is null) desc, g.id
      limit ${BATCH} for update of g skip locked`.execute(trx);
    if (rows.length === 0) return 0;
    const actor = actorOf(await principalById(trx, kill.killed_by));
    await endGrants(
      trx,
      rows.map((grant) => ({
        grant,
        reason: 'killed',
        note: kill.reason,
        actor,
        byId: kill.killed_by,
        killId: kill.id,
      })),
    );
    return rows.length;
  });
}

async function cancelBatch(ctx: SweepContext, kill: KillRow): Promise<number> {
  return ctx.db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ id: string; target_id: string }>`
      with due as (
        select r.id from requests r join targets t on t.id = r.target_id
        where r.state = 'pending' and (${inScope(kill, sql.ref('r.requester_id'))} or exists (
          select 1 from request_members m join targets t on t.id = m.target_id
          where m.request_id = r.id and ${inScope(kill, sql.ref('r.requester_id'))}))
        order by r.id limit ${BATCH} for update of r skip locked)
      update requests r set state = 'cancelled', decided_at = now(), kill_id = ${kill.id}, version = r.version + 1
      from due where r.id = due.id returning r.id, r.target_id`.execute(trx);
    if (rows.length === 0) return 0;
    const actor = actorOf(await principalById(trx, kill.killed_by));
    for (const row of rows) {
      await append(trx, {
        kind: 'request.cancelled',
        actor,
        requestId: row.id,
        targetId: row.target_id,
        detail: { killId: kill.id, reason: kill.reason },
      });
      await publish(trx, { topic: 'requests', id: row.id });
    }
    return rows.length;
  });
}

/** What was ending before it was pressed belongs to what is watched until it is gone. */
async function countBatch(ctx: SweepContext, kill: KillRow): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    with ending as (
      select g.id from grants g join targets t on t.id = g.target_id
      where g.wanted = 'absent' and g.observed <> 'absent' and g.kill_id is null and ${inScope(kill, sql.ref('g.principal_id'))}
      limit ${BATCH} for update of g skip locked)
    update grants g set kill_id = ${kill.id} from ending e where g.id = e.id`.execute(ctx.db);
  return Number(numAffectedRows);
}
