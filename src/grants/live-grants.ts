// Live grants, judged by a set of policies as if they were asked for now: what was asked, the time now, the approvals
// that were given. A published set does it for good, a plan only looks.

import { digestOf } from '../base/canonical-json.ts';
import { type Principal, principalById } from '../identity/principals.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import { decide } from '../policy/engine/decide.ts';
import type { Obligations } from '../policy/engine/facts.ts';
import type { GrantsContext } from './context.ts';
import { approvalsOf, countApprovals } from './count-approvals.ts';
import { type Asked, decisionFacts, loadAsked, requestDigest } from './facts.ts';

const BATCH = 500;

export type LiveGrant = Awaited<ReturnType<typeof readBatch>>[number];

/** Why a grant would not be given any more. */
export interface NoLonger {
  /** `forbidden` by a forbid; `not-permitted`: no permit, or not for that long; `not-approved`: approvals are missing. */
  cause: 'forbidden' | 'not-permitted' | 'not-approved';
  /** For people. */
  note: string;
}

/** One after the other, oldest first, in batches that are read as they are needed. */
export async function* liveGrants(ctx: Pick<GrantsContext, 'db'>): AsyncGenerator<LiveGrant> {
  for (let after = ''; ; ) {
    const grants = await readBatch(ctx, after);
    yield* grants;
    if (grants.length < BATCH) return;
    after = grants.at(-1)?.id ?? '';
  }
}

function readBatch(ctx: Pick<GrantsContext, 'db'>, after: string) {
  return ctx.db
    .selectFrom('grants as g')
    .innerJoin('requests as r', 'r.id', 'g.request_id')
    .select(['g.id', 'g.request_id', 'g.target_id', 'g.task_id', 'g.principal_id', 'g.login', 'g.duration_s'])
    .select(['g.expires_at', 'r.source_address', 'r.reason', 'r.ticket', 'r.digest', 'r.outcome'])
    .select(['r.obligations', 'r.duration_s as asked_s', 'r.created_at as asked_at'])
    .where('g.wanted', '=', 'present')
    .where('g.id', '>', after)
    .orderBy('g.id')
    .limit(BATCH)
    .execute();
}

export interface Judged {
  principal: Principal;
  asked: Asked;
  /** Null when it would be given. */
  noLonger: NoLonger | null;
}

/** Judges grants by `policies`; people, targets and tasks are read once each. */
export function createJudge(
  ctx: Pick<GrantsContext, 'db'>,
  policies: CompiledPolicies,
): (grant: LiveGrant) => Promise<Judged> {
  const people = remembered((id: string) => principalById(ctx.db, id));
  const askedFor = remembered((key: string) => {
    const [targetId = '', taskId = ''] = key.split(' ');
    return loadAsked(ctx.db, { targetId, taskId });
  });
  return async (grant) => {
    const principal = await people(grant.principal_id);
    const asked = await askedFor(`${grant.target_id} ${grant.task_id}`);
    return { principal, asked, noLonger: await whyNoLonger(ctx, policies, grant, principal, asked) };
  };
}

async function whyNoLonger(
  ctx: Pick<GrantsContext, 'db'>,
  policies: CompiledPolicies,
  grant: LiveGrant,
  principal: Principal,
  asked: Asked,
): Promise<NoLonger | null> {
  const facts = decisionFacts(principal, asked, {
    sourceAddress: grant.source_address,
    durationSeconds: grant.duration_s,
    reason: grant.reason,
    ticket: grant.ticket,
  });
  const { outcome, obligations, reasons } = decide(policies, facts);
  if (outcome === 'allow') return null;
  if (outcome === 'deny') {
    const forbidden = reasons.some((reason) => reason.effect === 'forbid');
    return {
      cause: forbidden ? 'forbidden' : 'not-permitted',
      note: `Policy does not allow it any more: ${reasons.map((item) => item.text).join(' ')}`,
    };
  }
  const circumstances = {
    sourceAddress: grant.source_address,
    durationSeconds: grant.asked_s,
    reason: grant.reason,
    ticket: grant.ticket,
  };
  if (requestDigest({ requesterId: principal.id, asked, circumstances }) !== grant.digest) {
    return {
      cause: 'not-approved',
      note: 'What was approved means something else now: its task or target has changed.',
    };
  }
  const approved = grant.obligations as Obligations;
  // Whom policy asks for has not changed, and they said yes: that they have left since takes nothing back.
  if (grant.outcome === 'needs-approval' && digestOf(approved.approvals) === digestOf(obligations.approvals))
    return null;
  const card = { id: grant.request_id, digest: grant.digest, outcome: grant.outcome, obligations: approved };
  const given = (await approvalsOf(ctx.db, [card])).get(card.id) ?? [];
  const row = { ...card, outcome, obligations, created_at: grant.asked_at };
  const { met } = countApprovals(policies, { row, requester: principal, facts, given, others: [] });
  return met ? null : { cause: 'not-approved', note: 'Policy wants approvals now that it does not have.' };
}

function remembered<T>(load: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (key) => {
    const kept = known.get(key) ?? load(key);
    known.set(key, kept);
    return kept;
  };
}
