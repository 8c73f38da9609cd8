// A grant lives as long as it would be given again: what its decision rests on (policies, who holds it and who answers
// for them, task and target, the time) is looked at every second, and where something has changed it is decided again
// with what was asked. Found by looking, so that it does not matter which part of the program changed it. Whoever
// changed the policy may have chosen to let those run out that are only not permitted any more; what is forbidden ends
// in any case.

import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import { SYSTEM_ACTOR } from '../audit/append.ts';
import { messageOf } from '../base/errors.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { DecisionFacts } from '../policy/engine/facts.ts';
import { type Basis, basisNow, forgetOthers, liveGrantsChoice, type Seen } from './basis.ts';
import type { GrantsContext } from './context.ts';
import { endGrant } from './end.ts';
import { factsNow, LIVE_GRANTS_BATCH, type LiveGrant, readLiveGrants, whyNoLonger } from './live-grants.ts';
import { whatChanged } from './what-changed.ts';

const EVERY_MS = 1_000;
/** A few ms of decisions; then others have their turn: a start may find thousands of grants. */
const JUDGED_AT_A_STRETCH = 10;

export function createPolicyWatch(ctx: GrantsContext): Repeating {
  const seen: Seen = new Map();
  return repeat(ctx, 'live grants decided again', EVERY_MS, async () => {
    await endForbidden(ctx, seen);
    return undefined;
  });
}

/**
 * How many were ended; null when this process does not hold the set in force yet, so that nothing was judged. Without
 * `seen` all are decided. Errors: the store's; what was ended before one stays ended.
 */
export async function endForbidden(ctx: GrantsContext, seen: Seen = new Map()): Promise<number | null> {
  const policies = ctx.policies.current();
  const grants = await ctx.db
    .selectFrom('grants')
    .select(['id', 'principal_id', 'target_id', 'task_id', 'duration_s', 'starts_at'])
    .where('wanted', '=', 'present')
    // What is past its end and its landing is ended for that; after a long stop that may be thousands.
    .where(sql<boolean>`coalesce(expires_at + make_interval(secs => landing_s) > now(), true)`)
    .execute();
  forgetOthers(
    seen,
    grants.map((grant) => grant.id),
  );
  if (grants.length === 0) return 0;
  const choice = await liveGrantsChoice(ctx, policies);
  if (choice === null) return null;
  const basisOf = await basisNow(ctx, policies, grants, ['request', 'autoApprove', 'breakGlass']);
  const changed = grants.flatMap((grant) => {
    const basis = basisOf(grant);
    return basis === null || seen.get(grant.id)?.text === basis.text ? [] : { id: grant.id, basis };
  });
  let ended = 0;
  let judged = 0;
  for (let at = 0; at < changed.length; at += LIVE_GRANTS_BATCH) {
    const batch = new Map(changed.slice(at, at + LIVE_GRANTS_BATCH).map(({ id, basis }) => [id, basis]));
    for (const grant of await readLiveGrants(ctx.db, [...batch.keys()])) {
      const basis = batch.get(grant.id);
      if (basis === undefined) continue;
      judged++;
      if (judged % JUDGED_AT_A_STRETCH === 0) await setImmediate();
      try {
        if (await endUnlessAllowed(ctx, grant, basis, seen.get(grant.id), choice)) ended++;
        else seen.set(grant.id, basis);
      } catch (error) {
        ctx.log.error({ grant: grant.id, reason: messageOf(error) }, 'a grant could not be decided again');
      }
    }
  }
  return ended;
}

async function endUnlessAllowed(
  ctx: GrantsContext,
  grant: LiveGrant,
  basis: Basis,
  before: Basis | undefined,
  liveGrants: 'end' | 'run-out',
): Promise<boolean> {
  const facts = factsNow(grant, basis);
  const noLonger = await whyNoLonger(ctx, basis.policies, grant, basis, facts);
  if (noLonger === null) return false;
  const asked = grant.facts as DecisionFacts | null;
  const changes = asked === null ? [] : whatChanged(asked, facts);
  // Who looks for the first time does not know what it rested on before: then what was asked speaks.
  const policyChanged =
    before === undefined ? changes.length === 0 : before.policies.digest !== basis.policies.digest;
  if (policyChanged && noLonger.cause !== 'forbidden' && liveGrants === 'run-out') return false;
  return endGrant(ctx.db, {
    grant,
    reason: policyChanged ? 'policy-changed' : 'no-longer-allowed',
    note: `${noLonger.note}${changes.length === 0 ? '' : ` (Since it was asked for, ${changes.join('; ')}.)`}`,
    actor: SYSTEM_ACTOR,
    byId: null,
  });
}
