// Whose turn it is, among replicas: for what one of them is to do and the others need not (a look at a target, an
// alarm that is told once). A turn ends by itself, so whoever dies in the middle of one is followed by another. It
// only saves work and words: what must not happen twice is fenced where it is written.

import { sql } from 'kysely';
import type { Db } from '../db/client.ts';

export interface Turns {
  /** True: `name` is ours for `seconds` from now, unless it was another's. Errors: the store's. */
  take(name: string, seconds: number): Promise<boolean>;
}

export function createTurns(ctx: { db: Db; run: string }): Turns {
  return {
    async take(name, seconds) {
      const { rows } = await sql`
        insert into turns as t (name, holder, until_at)
        values (${name}, ${ctx.run}, now() + make_interval(secs => ${seconds}))
        on conflict (name) do update set holder = excluded.holder, until_at = excluded.until_at
        where t.holder = excluded.holder or t.until_at < now()
        returning name`.execute(ctx.db);
      return rows.length > 0;
    },
  };
}

/** Of runs that are over. */
export async function freeTurnsOf(db: Db, runs: string[]): Promise<void> {
  if (runs.length > 0) await db.deleteFrom('turns').where('holder', 'in', runs).execute();
}
