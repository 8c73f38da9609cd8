// Emergency kits as the API shows them: never a password, never a share.

import { sql } from 'kysely';
import type { z } from 'zod';
import type { Kit, kitList } from '../api/kits.ts';
import { notFound } from '../base/errors.ts';
import type { GrantsContext } from '../grants/context.ts';
import { seesEverything } from '../grants/platform-rights.ts';
import type { Caller } from '../grants/submit.ts';
import { principalsById, refOf } from '../identity/principals.ts';

const MOST_LISTED = 200;

/** Those that are not retired: all for who audits or administers, else those that one holds a share of. */
export async function listKits(ctx: GrantsContext, caller: Caller): Promise<z.input<typeof kitList>> {
  const all = seesEverything(ctx, caller);
  const { rows } = await sql<{ id: string }>`
    select k.id from kits k where k.state <> 'retired' and (${all} or exists (select from kit_holders h
      where h.kit_id = k.id and h.generation = k.generation and h.principal_id = ${caller.principal.id}))
    order by k.segment limit ${MOST_LISTED}`.execute(ctx.db);
  return {
    items: await viewsOf(
      ctx,
      caller,
      rows.map((row) => row.id),
    ),
  };
}

export async function oneKit(ctx: GrantsContext, caller: Caller, id: string): Promise<Kit> {
  const [view] = await viewsOf(ctx, caller, [id]);
  if (view === undefined) throw notFound('kit', id);
  return view;
}

async function viewsOf(ctx: GrantsContext, caller: Caller, ids: string[]): Promise<Kit[]> {
  if (ids.length === 0) return [];
  const [kits, holders, logins] = await Promise.all([
    ctx.db
      .selectFrom('kits as k')
      .innerJoin('tasks as s', 's.id', 'k.task_id')
      .selectAll('k')
      .select('s.name as task')
      .where('k.id', 'in', ids)
      .orderBy('k.segment')
      .execute(),
    ctx.db.selectFrom('kit_holders').selectAll().where('kit_id', 'in', ids).orderBy('place').execute(),
    ctx.db
      .selectFrom('kit_logins as l')
      .innerJoin('targets as t', 't.id', 'l.target_id')
      .selectAll('l')
      .select('t.name as target')
      .where('l.kit_id', 'in', ids)
      .orderBy('t.name')
      .execute(),
  ]);
  const people = await principalsById(ctx.db, [...new Set(holders.map((one) => one.principal_id))]);
  return kits.map((row): Kit => {
    const now = holders.filter((one) => one.kit_id === row.id && one.generation === row.generation);
    const mine = now.find((one) => one.principal_id === caller.principal.id);
    return {
      id: row.id,
      segment: row.segment,
      task: row.task,
      quorum: row.quorum,
      generation: row.generation,
      state: row.state,
      limitSeconds: row.limit_s,
      expiresAt: row.expires_at?.toISOString() ?? null,
      checkedAt: row.checked_at?.toISOString() ?? null,
      madeAt: row.created_at.toISOString(),
      problems: row.problems,
      holders: now.flatMap((one) => {
        const person = people.get(one.principal_id);
        return person === undefined
          ? []
          : [{ person: refOf(person), place: one.place, hasShare: one.taken_at !== null }];
      }),
      targets: logins
        .filter((one) => one.kit_id === row.id && one.generation === row.generation)
        .map((one) => ({
          name: one.target,
          login: one.login,
          observed: one.observed,
          problem: one.problem ?? one.last_error,
        })),
      mine: mine === undefined ? null : { place: mine.place, shareWaits: mine.share !== null },
    };
  });
}
