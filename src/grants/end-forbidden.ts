// A policy that is published holds for grants that live already: each is decided again, with what was asked and the
// time now, and one that would not be given any more ends.

import { SYSTEM_ACTOR } from '../audit/append.ts';
import { digestOf } from '../base/canonical-json.ts';
import { messageOf } from '../base/errors.ts';
import { monotonicMs } from '../base/timer.ts';
import { type Principal, principalById } from '../identity/principals.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import { decide } from '../policy/engine/decide.ts';
import type { Obligations } from '../policy/engine/facts.ts';
import type { GrantsContext } from './context.ts';
import { approvalsOf, countApprovals } from './count-approvals.ts';
import { endGrant } from './end.ts';
import { type Asked, decisionFacts, loadAsked, requestDigest } from './facts.ts';

const EVERY_MS = 1_000;
/** Another process may decide by the old policies until it has looked: what it gave meanwhile is looked at then. */
const ONCE_MORE_MS = 12_000;
const BATCH = 500;

export function createPolicyWatch(ctx: GrantsContext): Repeating {
  let checked: { digest: string; onceMoreAt: number } | null = null;
  return repeat(ctx, 'grants under new policies', EVERY_MS, async () => {
    const { digest } = ctx.policies.current();
    if (checked?.digest === digest && monotonicMs() < checked.onceMoreAt) return undefined;
    const again = checked?.digest === digest;
    await endForbidden(ctx);
    checked = { digest, onceMoreAt: again ? Number.POSITIVE_INFINITY : monotonicMs() + ONCE_MORE_MS };
    return undefined;
  });
}

/** How many were ended. Errors: the store's; what was ended before one stays ended. */
export async function endForbidden(ctx: GrantsContext): Promise<number> {
  const people = remembered((id: string) => principalById(ctx.db, id));
  const asked = remembered((key: string) => {
    const [targetId = '', taskId = ''] = key.split(' ');
    return loadAsked(ctx.db, { targetId, taskId });
  });
  let ended = 0;
  for (let after = ''; ; ) {
    const grants = await liveGrants(ctx, after);
    for (const grant of grants) {
      try {
        const why = await whyNoLonger(
          ctx,
          grant,
          await people(grant.principal_id),
          await asked(`${grant.target_id} ${grant.task_id}`),
        );
        if (why === null) continue;
        await endGrant(ctx.db, {
          grant,
          reason: 'policy-changed',
          note: why,
          actor: SYSTEM_ACTOR,
          byId: null,
        });
        ended++;
      } catch (error) {
        ctx.log.error({ grant: grant.id, reason: messageOf(error) }, 'a grant could not be decided again');
      }
    }
    if (grants.length < BATCH) return ended;
    after = grants.at(-1)?.id ?? '';
  }
}

type Live = Awaited<ReturnType<typeof liveGrants>>[number];

function liveGrants(ctx: Pick<GrantsContext, 'db'>, after: string) {
  return ctx.db
    .selectFrom('grants as g')
    .innerJoin('requests as r', 'r.id', 'g.request_id')
    .select(['g.id', 'g.request_id', 'g.target_id', 'g.task_id', 'g.principal_id', 'g.login', 'g.duration_s'])
    .select(['r.source_address', 'r.reason', 'r.ticket', 'r.digest', 'r.outcome', 'r.obligations'])
    .select(['r.duration_s as asked_s', 'r.created_at as asked_at'])
    .where('g.wanted', '=', 'present')
    .where('g.id', '>', after)
    .orderBy('g.id')
    .limit(BATCH)
    .execute();
}

async function whyNoLonger(
  ctx: GrantsContext,
  grant: Live,
  principal: Principal,
  asked: Asked,
): Promise<string | null> {
  const facts = decisionFacts(principal, asked, {
    sourceAddress: grant.source_address,
    durationSeconds: grant.duration_s,
    reason: grant.reason,
    ticket: grant.ticket,
  });
  const { outcome, obligations, reasons } = decide(ctx.policies.current(), facts);
  if (outcome === 'allow') return null;
  if (outcome === 'deny')
    return `Policy does not allow it any more: ${reasons.map((item) => item.text).join(' ')}`;
  const circumstances = {
    sourceAddress: grant.source_address,
    durationSeconds: grant.asked_s,
    reason: grant.reason,
    ticket: grant.ticket,
  };
  if (requestDigest({ requesterId: principal.id, asked, circumstances }) !== grant.digest)
    return 'What was approved means something else now: its task or target has changed.';
  const approved = grant.obligations as Obligations;
  // Whom policy asks for has not changed, and they said yes: that they have left since takes nothing back.
  if (grant.outcome === 'needs-approval' && digestOf(approved.approvals) === digestOf(obligations.approvals))
    return null;
  const card = { id: grant.request_id, digest: grant.digest, outcome: grant.outcome, obligations: approved };
  const given = (await approvalsOf(ctx.db, [card])).get(card.id) ?? [];
  const row = { ...card, outcome, obligations, created_at: grant.asked_at };
  const { met } = countApprovals(ctx, { row, requester: principal, facts, given, others: [] });
  return met ? null : 'Policy wants approvals now that it does not have.';
}

function remembered<T>(load: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (key) => {
    const kept = known.get(key) ?? load(key);
    known.set(key, kept);
    return kept;
  };
}
