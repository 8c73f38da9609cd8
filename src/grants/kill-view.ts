// Kill switches as the API shows them, with how far the targets have confirmed them. Everybody sees those that concern
// them; whose grants wait for what only those who may see these grants.

import { type RawBuilder, sql } from 'kysely';
import type { z } from 'zod';
import type { Kill, killQuery } from '../api/kills.ts';
import { notFound } from '../base/errors.ts';
import { principalsById, refOf } from '../identity/principals.ts';
import type { GrantsContext } from './context.ts';
import { inScope, type KillRow } from './kill-scope.ts';
import { ownsScope } from './owners.ts';
import { mayAdminister, seesEverything } from './platform-rights.ts';
import type { Caller } from './submit.ts';
import { grantState, type ObservedState, type Wanted } from './transitions.ts';

const MOST_WAITING = 10;

/** Errors: `unknown-kill`, also for one that the caller may not see. */
export async function viewKill(ctx: GrantsContext, caller: Caller, id: string): Promise<Kill> {
  const row = await ctx.db.selectFrom('kills').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined || !concerns(row, caller, seesEverything(ctx, caller))) throw notFound('kill', id);
  return killFrom(ctx, caller, row);
}

/** Newest first. */
export async function listKills(
  ctx: GrantsContext,
  caller: Caller,
  query: z.infer<typeof killQuery>,
): Promise<{ items: Kill[]; nextCursor: string | null }> {
  const all = seesEverything(ctx, caller);
  const own = [caller.principal.id, caller.principal.samePersonAs, ...caller.principal.sponsors];
  const rows = await ctx.db
    .selectFrom('kills')
    .selectAll()
    .$if(query.state === 'in-force', (q) => q.where('lifted_at', 'is', null))
    .$if(query.state === 'lifted', (q) => q.where('lifted_at', 'is not', null))
    .$if(query.cursor !== undefined, (q) => q.where('id', '<', query.cursor ?? ''))
    .$if(!all, (q) =>
      q.where((eb) =>
        eb.or([
          eb('scope', '!=', 'person'),
          eb(
            'principal_id',
            'in',
            own.flatMap((id) => id ?? []),
          ),
        ]),
      ),
    )
    .orderBy('id', 'desc')
    .limit(query.limit + 1)
    .execute();
  const items = await Promise.all(rows.slice(0, query.limit).map((row) => killFrom(ctx, caller, row)));
  return { items, nextCursor: rows.length > query.limit ? (items.at(-1)?.id ?? null) : null };
}

/** That a person is stopped is theirs to know, and of those who see everything; places are everybody's. */
function concerns(row: KillRow, { principal }: Caller, all: boolean): boolean {
  if (all || row.scope !== 'person') return true;
  return [principal.id, principal.samePersonAs, ...principal.sponsors].includes(row.principal_id);
}

async function killFrom(ctx: GrantsContext, caller: Caller, row: KillRow): Promise<Kill> {
  const people = await principalsById(ctx.db, [
    row.killed_by,
    ...(row.lifted_by === null ? [] : [row.lifted_by]),
  ]);
  const by = people.get(row.killed_by);
  const lifter = people.get(row.lifted_by ?? '');
  if (by === undefined) throw notFound('principal', row.killed_by);
  const seesGrants =
    seesEverything(ctx, caller) ||
    row.killed_by === caller.principal.id ||
    (await ownsScope(ctx.db, caller, row));
  return {
    id: row.id,
    scope: row.scope,
    name: row.name,
    reason: row.reason,
    killedBy: refOf(by),
    killedAt: row.killed_at.toISOString(),
    liftedBy: lifter === undefined ? null : refOf(lifter),
    liftedAt: row.lifted_at?.toISOString() ?? null,
    liftReason: row.lift_reason,
    progress: seesGrants ? await progressOf(ctx, row) : null,
    mayLift: row.lifted_at === null && mayAdminister(ctx, caller),
  };
}

interface Waiting {
  id: string;
  principal: string;
  target: string;
  task: string;
  wanted: Wanted;
  observed: ObservedState;
  bundled: boolean;
  activated_at: Date | null;
  last_error: string | null;
}

async function progressOf(ctx: GrantsContext, row: KillRow): Promise<NonNullable<Kill['progress']>> {
  // What the sweep has not reached yet counts too, so that the number does not grow while one looks.
  const belongs: RawBuilder<unknown> =
    row.lifted_at === null
      ? sql`(g.kill_id = ${row.id} or (g.kill_id is null and (g.wanted = 'present' or g.observed <> 'absent') and ${inScope(row, sql.ref('g.principal_id'))}))`
      : sql`g.kill_id = ${row.id}`;
  const [counted, waiting] = await Promise.all([
    sql<{ grants: number; gone: number; cancelled: number }>`
      select count(*)::int as grants, (count(*) filter (where g.wanted = 'absent' and g.observed = 'absent'))::int as gone,
        (select count(*)::int from requests r where r.kill_id = ${row.id}) as cancelled
      from grants g join targets t on t.id = g.target_id where ${belongs}`.execute(ctx.db),
    sql<Waiting>`
      select g.id, p.name as principal, t.name as target, k.name as task, g.wanted, g.observed, g.bundled,
        g.activated_at, g.last_error
      from grants g join targets t on t.id = g.target_id join principals p on p.id = g.principal_id
        join tasks k on k.id = g.task_id
      where ${belongs} and not (g.wanted = 'absent' and g.observed = 'absent')
      order by g.ended_at, g.id limit ${MOST_WAITING}`.execute(ctx.db),
  ]);
  const { grants = 0, gone = 0, cancelled = 0 } = counted.rows[0] ?? {};
  return {
    grants,
    gone,
    cancelled,
    waiting: waiting.rows.map((one) => ({
      grantId: one.id,
      principal: one.principal,
      target: one.target,
      task: one.task,
      state: grantState(one),
      lastError: one.last_error,
    })),
  };
}
