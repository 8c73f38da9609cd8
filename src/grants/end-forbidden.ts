// A policy that is published holds for grants that live already: each is decided again, with what was asked and the
// time now, and one that would not be given any more ends. Whoever changed the policy may have chosen to let those run
// out that are only not permitted any more; what is forbidden ends in any case.

import { SYSTEM_ACTOR } from '../audit/append.ts';
import { messageOf } from '../base/errors.ts';
import { monotonicMs } from '../base/timer.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { GrantsContext } from './context.ts';
import { endGrant } from './end.ts';
import { createJudge, liveGrants } from './live-grants.ts';

const EVERY_MS = 1_000;
/** Another process may decide by the old policies until it has looked: what it gave meanwhile is looked at then. */
const ONCE_MORE_MS = 12_000;

export function createPolicyWatch(ctx: GrantsContext): Repeating {
  let checked: { digest: string; onceMoreAt: number } | null = null;
  return repeat(ctx, 'grants under new policies', EVERY_MS, async () => {
    const { digest } = ctx.policies.current();
    if (checked?.digest === digest && monotonicMs() < checked.onceMoreAt) return undefined;
    const again = checked?.digest === digest;
    if ((await endForbidden(ctx)) === null) return undefined;
    checked = { digest, onceMoreAt: again ? Number.POSITIVE_INFINITY : monotonicMs() + ONCE_MORE_MS };
    return undefined;
  });
}

/**
 * How many were ended; null when this process does not hold the set in force yet, so that nothing was judged.
 * Errors: the store's; what was ended before one stays ended.
 */
export async function endForbidden(ctx: GrantsContext): Promise<number | null> {
  const policies = ctx.policies.current();
  const inForce = await ctx.db
    .selectFrom('policy_sets')
    .select('live_grants')
    .where('in_force', '=', true)
    .where('digest', '=', policies.digest)
    .executeTakeFirst();
  if (inForce === undefined) return null;
  const judge = createJudge(ctx, policies);
  let ended = 0;
  for await (const grant of liveGrants(ctx)) {
    try {
      const { noLonger } = await judge(grant);
      if (noLonger === null) continue;
      if (noLonger.cause !== 'forbidden' && inForce.live_grants === 'run-out') continue;
      await endGrant(ctx.db, {
        grant,
        reason: 'policy-changed',
        note: noLonger.note,
        actor: SYSTEM_ACTOR,
        byId: null,
      });
      ended++;
    } catch (error) {
      ctx.log.error({ grant: grant.id, reason: messageOf(error) }, 'a grant could not be decided again');
    }
  }
  return ended;
}
