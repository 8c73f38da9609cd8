// Emergency kits that would not open everywhere, as their last check found: told while nobody needs them.

import { sql } from 'kysely';
import type { Trouble } from '../api/health.ts';
import type { Db } from '../db/client.ts';

/** As many as are listed elsewhere. */
const MOST_KITS = 200;

export async function kitTroubles(db: Db): Promise<Trouble[]> {
  const stale = await db
    .selectFrom('kits')
    .select(['segment', 'problems', 'checked_at'])
    .where('state', '=', 'ready')
    .where(sql<boolean>`problems <> '[]'`)
    .orderBy('segment')
    .limit(MOST_KITS)
    .execute();
  return stale.map((kit) => ({
    kind: 'kit',
    severity: 'warn',
    what: `The emergency kit of ${kit.segment} would not open everywhere.`,
    since: null,
    why: kit.problems.join(' '),
    next: 'It is checked again every five minutes.',
    nextAt: null,
    do: `Let its holders take their shares, and mend what is named; else make a new one: sally break-glass kit rotate ${kit.segment}`,
    grant: null,
    target: null,
    node: null,
  }));
}
