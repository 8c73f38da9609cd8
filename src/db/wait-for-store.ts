// A store that is still starting, or busy, is waited for; one that says no is not. Both end in a message that tells
// the person what to look at.

import { sql } from 'kysely';
import { codeOf, Failure, messageOf } from '../base/errors.ts';
import { monotonicMs, sleep } from '../base/timer.ts';
import type { Db } from './client.ts';

const PATIENCE_MS = 30_000;
const RETRY_MS = 500;

/** SQLSTATEs of a server that answered and will go on answering the same. */
const REFUSALS: Record<string, string> = {
  '28P01': 'The store refuses the password in DATABASE_URL.',
  '28000': 'The store refuses this login (pg_hba.conf).',
  '3D000': 'The store has no database of that name; create it first.',
};
const OLDEST_VERSION = 150_000;

/** Errors: Failure `store-refused`, `store-too-old`, `store-unreachable` (after 30 s). */
export async function waitForStore(db: Db): Promise<void> {
  const endsAt = monotonicMs() + PATIENCE_MS;
  while (true) {
    try {
      const { rows } = await sql<{
        version: number;
      }>`select current_setting('server_version_num')::int as version`.execute(db);
      const version = rows[0]?.version ?? 0;
      if (version >= OLDEST_VERSION) return;
      throw new Failure(
        'unavailable',
        'store-too-old',
        `The store is PostgreSQL ${Math.floor(version / 10_000)}; 15 is the oldest that works.`,
      );
    } catch (error) {
      if (error instanceof Failure) throw error;
      const refusal = REFUSALS[codeOf(error) ?? ''];
      if (refusal !== undefined) throw new Failure('unavailable', 'store-refused', refusal, { cause: error });
      if (monotonicMs() > endsAt) {
        throw new Failure(
          'unavailable',
          'store-unreachable',
          `The store cannot be reached: ${messageOf(error)}.`,
          {
            hint: 'Is it running, and is DATABASE_URL its address?',
            cause: error,
          },
        );
      }
      await sleep(RETRY_MS);
    }
  }
}
