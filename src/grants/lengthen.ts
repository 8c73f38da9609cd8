// A grant that an approved request lengthens: our expiry moves in the transaction of the last yes, the target's own
// follows within seconds. That it lags stands in the row, so a crash in between loses nothing; until it has moved, the
// login would at worst end early, never late.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import { conflict, messageOf } from '../base/errors.ts';
import type { Handle } from '../connectors/contract.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { actorOf, type Principal } from '../identity/principals.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { GrantsContext } from './context.ts';
import type { GrantRow } from './lease.ts';
import { NATIVE_SLACK_SECONDS } from './plan.ts';
import { nextGrantTruth } from './transitions.ts';

const EVERY_MS = 1_000;
const BATCH = 20;
const STEP_TIMEOUT_MS = 10_000;

/**
 * To `wholeSeconds` from its beginning. Errors: `grant-<state>` (over, or past its end), `already-longer`.
 * Returns the grant's id.
 */
export async function lengthenGrant(
  trx: Trx,
  of: { grantId: string; requestId: string; wholeSeconds: number; requester: Principal; reason: string },
): Promise<string> {
  const row = await trx
    .selectFrom('grants')
    .selectAll()
    .select(sql<number>`extract(epoch from expires_at - clock_timestamp())::float8`.as('left_s'))
    .where('id', '=', of.grantId)
    .forUpdate()
    .executeTakeFirstOrThrow();
  nextGrantTruth(row, 'extend');
  if (row.left_s <= 0) throw conflict('grant-revoking', 'The grant has expired; more time comes too late.');
  const addedSeconds = of.wholeSeconds - row.duration_s;
  if (addedSeconds <= 0)
    throw conflict('already-longer', 'The grant is that long already.', {
      hint: 'Deny the request, or approve for longer than the grant has now.',
    });
  const { expires_at: expiresAt } = await trx
    .updateTable('grants')
    .set({
      expires_at: sql<Date>`expires_at + make_interval(secs => ${addedSeconds})`,
      duration_s: of.wholeSeconds,
      version: sql`version + 1`,
    })
    .where('id', '=', row.id)
    .returning('expires_at')
    .executeTakeFirstOrThrow();
  await append(trx, {
    kind: 'grant.extended',
    actor: actorOf(of.requester),
    requestId: of.requestId,
    grantId: row.id,
    targetId: row.target_id,
    detail: { addedSeconds, wholeSeconds: of.wholeSeconds, expiresAt, reason: of.reason },
  });
  await publish(trx, { topic: 'grants', id: row.id });
  return row.id;
}

/** Moves the targets' own expiry to where ours is. */
export function createNativeExpiryKeeper(ctx: GrantsContext): Repeating {
  return repeat(ctx, 'expiry on targets', EVERY_MS, async (signal) => {
    const { rows } = await sql<{ id: string }>`
      select id
      from grants
      where wanted = 'present' and observed = 'present' and expires_at > now() and (claim_s is null or claimed_at is not null)
        and native_expires_at < expires_at + make_interval(secs => landing_s + ${NATIVE_SLACK_SECONDS}::int - 5)
      order by native_expires_at limit ${BATCH}`.execute(ctx.db);
    for (const row of rows) await moveOne(ctx, row.id, signal);
    return undefined;
  });
}

async function moveOne(ctx: GrantsContext, id: string, signal: AbortSignal): Promise<void> {
  try {
    await ctx.db.transaction().execute(async (trx) => {
      if (!(await takeNativeExpiry(trx, id))) return;
      const row = await trx
        .selectFrom('grants')
        .select(['target_id', 'handle', 'landing_s'])
        .select(sql<number>`extract(epoch from expires_at - now())::float8`.as('left_s'))
        .where('id', '=', id)
        .where('wanted', '=', 'present')
        .where('expires_at', '>', sql<Date>`now()`)
        .executeTakeFirst();
      if (row === undefined) return;
      const seconds = row.left_s + row.landing_s;
      await moveNativeExpiry(ctx, row, seconds, signal);
      await trx
        .updateTable('grants')
        .set({
          native_expires_at: sql<Date>`now() + make_interval(secs => ${seconds + NATIVE_SLACK_SECONDS})`,
        })
        .where('id', '=', id)
        .execute();
    });
  } catch (error) {
    ctx.log.warn({ grant: id, reason: messageOf(error) }, 'the expiry on a target could not be moved yet');
  }
}

/**
 * Until `trx` ends nobody else moves the target's expiry of this grant, so that an older one cannot come after a newer.
 * False: somebody does now. Held while the target is asked, so it is not the row's own lock, which sessions need.
 */
export async function takeNativeExpiry(trx: Trx, grantId: string): Promise<boolean> {
  const key = `sallyport expiry ${grantId}`;
  const { rows } = await sql<{ taken: boolean }>`
    select pg_try_advisory_xact_lock(hashtextextended(${key}, 0)) as taken`.execute(trx);
  return rows[0]?.taken === true;
}

/** The target's own expiry to `leftSeconds` from now, and by the slack later. */
export async function moveNativeExpiry(
  ctx: GrantsContext,
  row: Pick<GrantRow, 'target_id' | 'handle'>,
  leftSeconds: number,
  signal?: AbortSignal,
): Promise<void> {
  const client = await ctx.targets.open(row.target_id);
  const limit = AbortSignal.timeout(STEP_TIMEOUT_MS);
  const bounded = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  await client.renew(row.handle as Handle, Math.ceil(leftSeconds) + NATIVE_SLACK_SECONDS, bounded);
}
