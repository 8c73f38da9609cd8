// Counts what somebody gets wrong in a window of time, so that nobody guesses on: in the store, so that whoever asks
// another replica for each try has no more of them.

import { sql } from 'kysely';
import { Failure } from '../base/errors.ts';
import type { Db } from '../db/client.ts';

export interface Attempts {
  /** Errors: `too-many-attempts` for who has used up theirs; the store's. */
  check(who: string): Promise<void>;
  /** One more that was wrong. */
  wrong(who: string): Promise<void>;
}

/** Rows of windows that are over, removed with each one that is wrong. */
const MOST_SWEPT = 100;

/** `kind` names what is counted. */
export function createAttempts(
  ctx: { db: Db },
  kind: string,
  limits: { most: number; windowMs: number },
): Attempts {
  const seconds = limits.windowMs / 1000;
  return {
    async check(who) {
      const row = await ctx.db
        .selectFrom('failures')
        .select('count')
        .where('kind', '=', kind)
        .where('who', '=', who)
        .where('since_at', '>', sql<Date>`now() - make_interval(secs => ${seconds})`)
        .executeTakeFirst();
      if ((row?.count ?? 0) < limits.most) return;
      throw new Failure('limit', 'too-many-attempts', 'Too many wrong codes; wait ten minutes.');
    },
    async wrong(who) {
      await sql`
        with swept as (
          delete from failures where (kind, who) in (
            select kind, who from failures
            where kind = ${kind} and who <> ${who} and since_at < now() - make_interval(secs => ${seconds})
            limit ${MOST_SWEPT} for update skip locked))
        insert into failures as f (kind, who) values (${kind}, ${who})
        on conflict (kind, who) do update set
          count = case when f.since_at < now() - make_interval(secs => ${seconds}) then 1 else f.count + 1 end,
          since_at = case when f.since_at < now() - make_interval(secs => ${seconds}) then now() else f.since_at end`.execute(
        ctx.db,
      );
    },
  };
}
