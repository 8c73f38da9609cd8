// What a kill switch covers: a person with all that acts in their name (other accounts, what they sponsor), a target, a
// segment and all below it, or everything. While one is in force nothing new is given in its scope.

import { type Selectable, type SqlBool, sql } from 'kysely';
import { Failure } from '../base/errors.ts';
import type { Db, Trx } from '../db/client.ts';
import type { Tables } from '../db/tables.ts';
import type { Principal } from '../identity/principals.ts';

export type KillRow = Selectable<Tables['kills']>;

/** Kill switches in force at a time. */
export const MOST_KILLS = 200;

/** Those in force, the oldest first. */
export function killsInForce(db: Db | Trx): Promise<KillRow[]> {
  return db
    .selectFrom('kills')
    .selectAll()
    .where('lifted_at', 'is', null)
    .orderBy('id')
    .limit(MOST_KILLS)
    .execute();
}

/** In SQL: is what `holder` (a principal's id) has on the target `t` in its scope? */
export function inScope(kill: KillRow, holder: ReturnType<typeof sql.ref>) {
  switch (kill.scope) {
    case 'everything':
      return sql<SqlBool>`true`;
    case 'target':
      return sql<SqlBool>`t.id = ${kill.target_id}`;
    case 'segment':
      return sql<SqlBool>`(t.segment = ${kill.segment} or starts_with(t.segment, ${`${kill.segment}/`}))`;
    case 'person':
      return sql<SqlBool>`${holder} in (
        with recursive first as (
          select id, same_person_as from principals where id = ${kill.principal_id}
          union select p.id, p.same_person_as from principals p join first f on p.id = f.same_person_as),
        theirs as (
          select id from first
          union select p.id from principals p join theirs a on a.id in (p.same_person_as, p.sponsor_id))
        select id from theirs)`;
  }
}

/** The same of a principal and a target that are known. */
function covers(
  kill: KillRow,
  principal: Principal,
  root: string | null,
  target: { id: string; segment: string },
): boolean {
  switch (kill.scope) {
    case 'everything':
      return true;
    case 'target':
      return target.id === kill.target_id;
    case 'segment':
      return target.segment === kill.segment || target.segment.startsWith(`${kill.segment}/`);
    case 'person':
      return [principal.id, principal.samePersonAs, ...principal.sponsors].some(
        (id) => id !== null && (id === kill.principal_id || id === root),
      );
  }
}

/** Errors: `killed`. Called by everything that gives or lengthens a privilege; most often there is nothing to read. */
export async function refuseWhileKilled(
  db: Db | Trx,
  principal: Principal,
  target: { id: string; segment: string },
): Promise<void> {
  for (const kill of await killsInForce(db)) {
    const root = kill.scope === 'person' ? await firstAccount(db, kill.principal_id) : null;
    if (!covers(kill, principal, root, target)) continue;
    const what = kill.scope === 'everything' ? 'Everything' : `The ${kill.scope} ${kill.name}`;
    throw new Failure(
      'denied',
      'killed',
      `${what} was stopped by a kill switch at ${kill.killed_at.toISOString()}: ${kill.reason}`,
      {
        hint: 'Nothing new is given there until an administrator lifts it: `sally kill list`.',
        facts: { killId: kill.id, scope: kill.scope, name: kill.name },
      },
    );
  }
}

/** Of the person whose account this is. */
async function firstAccount(db: Db | Trx, id: string | null): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`
    with recursive up as (
      select id, same_person_as, 0 as step from principals where id = ${id}
      union all select p.id, p.same_person_as, step + 1 from principals p join up on p.id = up.same_person_as where step < 10)
    select id from up order by step desc limit 1`.execute(db);
  return rows[0]?.id ?? null;
}
