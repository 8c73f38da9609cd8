// How a grant goes with its sessions: its clock may start at the first of them, and it may end with one of them. That
// its sessions are over is found by looking, so that it does not matter which gateway closed them, or a restart.

import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { Failure } from '../base/errors.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { actorOf, type Principal } from '../identity/principals.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { GrantsContext } from './context.ts';
import { endGrants } from './end.ts';

const EVERY_MS = 1_000;
const BATCH = 200;

/** Errors: `grant-used`. Under a lock on the grant's row. A session that could not begin was one all the same. */
export async function refuseSecondSession(trx: Trx, grantId: string): Promise<void> {
  const had = await trx
    .selectFrom('sessions')
    .select('id')
    .where('grant_id', '=', grantId)
    .executeTakeFirst();
  if (had === undefined) return;
  throw new Failure(
    'denied',
    'grant-used',
    'This grant was for one session, and has had it. Ask for a new one.',
  );
}

/**
 * The first session starts the clock; null when it runs already. The caller holds the row's lock and has seen that the
 * claim is in time: a late one finds the grant expired, and one that comes again changes nothing.
 */
export async function startClock(
  trx: Trx,
  of: { grantId: string; sessionId: string; holder: Principal; from: string },
): Promise<{ ms: number; expiresAt: Date } | null> {
  const row = await trx
    .updateTable('grants')
    .set({
      claimed_at: sql<Date>`clock_timestamp()`,
      expires_at: sql<Date>`clock_timestamp() + make_interval(secs => duration_s)`,
      version: sql`version + 1`,
    })
    .where('id', '=', of.grantId)
    .where('claimed_at', 'is', null)
    .returning(['request_id', 'target_id', 'expires_at', 'duration_s'])
    .returning(sql<number>`(extract(epoch from expires_at - clock_timestamp()) * 1000)::float8`.as('ms'))
    .executeTakeFirst();
  if (row === undefined || row.expires_at === null) return null;
  await append(trx, {
    kind: 'grant.claimed',
    actor: actorOf(of.holder),
    requestId: row.request_id,
    grantId: of.grantId,
    sessionId: of.sessionId,
    targetId: row.target_id,
    sourceAddress: of.from,
    detail: { durationSeconds: row.duration_s, expiresAt: row.expires_at },
  });
  await publish(trx, { topic: 'grants', id: of.grantId });
  return { ms: row.ms, expiresAt: row.expires_at };
}

/** Ends grants that are for their sessions alone, once these are over. */
export function createUsedWatch(ctx: Pick<GrantsContext, 'db' | 'log'>): Repeating {
  return repeat(ctx, 'grants for their sessions', EVERY_MS, async () => {
    const { rows } = await sql<{ id: string; request_id: string; target_id: string; login: string }>`
      select g.id, g.request_id, g.target_id, g.login from grants g
      where g.session_use is not null and g.wanted = 'present'
        and exists (select 1 from sessions s where s.grant_id = g.id)
        and not exists (select 1 from sessions s where s.grant_id = g.id and s.ended_at is null)
      limit ${BATCH}`.execute(ctx.db);
    const endings = rows.map((grant) => ({
      grant,
      reason: 'used' as const,
      note: 'It was for its session, which is over.',
      actor: SYSTEM_ACTOR,
      byId: null,
    }));
    await endGrants(ctx.db, endings);
    return rows.length === BATCH ? 0 : undefined;
  });
}
