// Brings one target to what is wanted of one grant, and finds out by asking the target. It takes no input but the
// grant's id, may be killed at any line and called again, and never gives up on a revocation.

import { sql } from 'kysely';
import { type Entry, SYSTEM_ACTOR } from '../audit/append.ts';
import { briefly } from '../audit/briefly.ts';
import { Failure, messageOf } from '../base/errors.ts';
import type { RevokeReport } from '../connectors/contract.ts';
import { publish } from '../events/events.ts';
import { settleBundle } from './bundle-watch.ts';
import type { GrantsContext } from './context.ts';
import { endGrant } from './end.ts';
import type { GrantViewRow } from './grant-view.ts';
import { claim, keepSeen, release, type StepGrant, sameStep, settle } from './lease.ts';
import { planFor } from './plan.ts';
import { settleEnd } from './settle-ends.ts';
import { holdShared, releaseShared } from './shared.ts';

/** A grant that the target has not confirmed by then is given up, with a reason. */
export const GRANTING_LIMIT_SECONDS = 60;
/** One step on a target; shorter than the lease. */
const STEP_TIMEOUT_MS = 20_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;
/** Short against the limit, so that the limit is kept. */
const LONGEST_GRANT_RETRY_MS = 5_000;
/** An inert identity that waits for a lock does no harm; it is tried again at this pace. */
const INERT_RETRY_MS = 10_000;

/** The grant when the step settled it (active, inert, verified absent); otherwise whether it is to be tried again. */
export type Outcome = GrantViewRow | 'again' | 'failed' | 'nothing-to-do';

/** One step of a grant, if it is due and nobody else has it. */
export async function reconcileGrant(
  ctx: GrantsContext,
  grantId: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const row = await claim(ctx.db, grantId, ctx.run);
  return row === undefined ? 'nothing-to-do' : takeStep(ctx, row, signal);
}

/** The step of a grant that the caller has claimed, or whose row it has just written. */
export async function takeStep(ctx: GrantsContext, row: StepGrant, signal: AbortSignal): Promise<Outcome> {
  const step = AbortSignal.any([signal, AbortSignal.timeout(STEP_TIMEOUT_MS)]);
  try {
    const settled = row.wanted === 'present' ? await bringUp(ctx, row, step) : await takeDown(ctx, row, step);
    if (settled !== null) {
      // The last one there makes all of them active; should this be lost, the watch finds it.
      if (row.bundled && row.wanted === 'present')
        await ctx.db.transaction().execute((trx) => settleBundle(trx, row.request_id));
      await publish(ctx.db, { topic: 'grants', id: row.id });
      return settled;
    }
    await release(ctx.db, row);
  } catch (error) {
    await postpone(ctx, row, error);
    return 'failed';
  }
  return 'again';
}

async function bringUp(
  ctx: GrantsContext,
  row: StepGrant,
  signal: AbortSignal,
): Promise<GrantViewRow | null> {
  // Also when nobody has tried: what was approved before a long stop does not begin behind everybody's back.
  if (row.ageSeconds > GRANTING_LIMIT_SECONDS) {
    await giveUpGranting(ctx, row);
    return null;
  }
  const client = await ctx.targets.open(row.target_id, row.targetVersion);
  const plan = planFor(ctx.masterKey, row);
  const observation = await client.grant(plan, signal);
  if (!(await holdShared(ctx, row, client, plan, signal))) return null;
  return settle(
    ctx.db,
    row,
    sql`observed = 'present', handle = ${JSON.stringify(observation.handle)},
      ${row.bundled ? sql`` : sql`activated_at = now(), expires_at = now() + make_interval(secs => ${row.claim_s ?? row.duration_s}),`}
      native_expires_at = now() + make_interval(secs => ${plan.nativeExpirySeconds}), attempts = 0, last_error = null`,
    {
      // Of several that belong together, each is only there; active they become together (bundle-watch.ts).
      kind: row.bundled ? 'grant.made' : 'grant.active',
      actor: SYSTEM_ACTOR,
      requestId: row.request_id,
      grantId: row.id,
      targetId: row.target_id,
      detail: {
        login: row.login,
        durationSeconds: row.duration_s,
        ...(row.claim_s === null ? {} : { claimSeconds: row.claim_s }),
        handle: observation.handle,
      },
    },
    observation.nodes,
  );
}

async function giveUpGranting(ctx: GrantsContext, row: StepGrant): Promise<void> {
  await endGrant(ctx.db, {
    grant: row,
    reason: 'not-granted',
    note: row.last_error ?? `The target did not confirm within ${GRANTING_LIMIT_SECONDS} s.`,
    actor: SYSTEM_ACTOR,
    byId: null,
  });
}

async function takeDown(
  ctx: GrantsContext,
  row: StepGrant,
  signal: AbortSignal,
): Promise<GrantViewRow | null> {
  const client = await ctx.targets.open(row.target_id, row.targetVersion);
  await releaseShared(ctx, row, client, signal);
  const report = await client.revoke(row.handle as RevokeReport['handle'], signal);
  if (report.observed === 'present') {
    // What only the target knew is needed to find it again; and whoever waits is told which node is in the way.
    await keepSeen(ctx.db, row, report);
    throw new Failure(
      'unavailable',
      'still-present',
      report.blockers[0] ?? 'The target still shows the login as usable after revocation.',
    );
  }
  const absent = report.observed === 'absent';
  return settleEnd(ctx.db, {
    row,
    observed: report.observed,
    handle: report.handle,
    report: reportSoFar(row, report),
    retryMs: INERT_RETRY_MS,
    lastError: absent ? null : (report.blockers[0] ?? 'waiting for locks on the target'),
    entry: absent || row.observed !== 'inert' ? revokedEntry(row, report) : null,
    nodes: report.nodes,
  });
}

function reportSoFar(row: StepGrant, report: RevokeReport) {
  const kept = row.report as { leftBehind?: string[]; sessionsEnded?: number } | null;
  return {
    blockers: report.blockers,
    leftBehind: [...new Set([...(kept?.leftBehind ?? []), ...report.leftBehind])],
    sessionsEnded: (kept?.sessionsEnded ?? 0) + report.sessionsEnded,
  };
}

function revokedEntry(row: StepGrant, report: RevokeReport): Entry {
  // Said once; the grant keeps all of it.
  const { leftBehind: _, ...handle } = report.handle;
  return {
    kind: report.observed === 'absent' ? 'grant.revoked' : 'grant.inert',
    actor: SYSTEM_ACTOR,
    requestId: row.request_id,
    grantId: row.id,
    targetId: row.target_id,
    detail: {
      login: row.login,
      handle,
      sessionsEnded: report.sessionsEnded,
      leftBehind: briefly(report.leftBehind),
      blockers: briefly(report.blockers),
      attempts: row.attempts,
      ...(report.nodes === undefined
        ? {}
        : { nodes: report.nodes.map(({ node, observed }) => `${node}: ${observed}`) }),
    },
  };
}

// The next try comes later each time, up to a bound, with jitter; a revocation is tried for ever.
async function postpone(ctx: GrantsContext, row: StepGrant, error: unknown): Promise<void> {
  const longestMs = row.wanted === 'present' ? LONGEST_GRANT_RETRY_MS : LONGEST_RETRY_MS;
  const backoffMs = Math.min(longestMs, FIRST_RETRY_MS * 2 ** Math.min(row.attempts - 1, 10));
  const delayMs = Math.round(backoffMs * (0.75 + Math.random() * 0.5));
  const reason = messageOf(error);
  ctx.log.warn(
    { grant: row.id, wanted: row.wanted, attempt: row.attempts, delayMs, reason },
    'a step on a target failed',
  );
  const { numUpdatedRows } = await ctx.db
    .updateTable('grants')
    .set({
      lease_until: null,
      last_error: reason.slice(0, 500),
      next_attempt_at: sql<Date>`clock_timestamp() + make_interval(secs => ${delayMs / 1000})`,
    })
    .where('id', '=', row.id)
    .where(sameStep(row))
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n) await release(ctx.db, row);
}
