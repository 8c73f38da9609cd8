// Who may see and do what with requests and grants. What one may not see does not exist (404); what one may see and
// not do says why. Approvers are found by policy, so these rules follow it.

import { type Principal, principalById } from '../identity/principals.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import { mayApprove } from '../policy/engine/decide.ts';
import type { DecisionFacts } from '../policy/engine/facts.ts';
import { whyNeverCounts } from '../policy/engine/quorum.ts';
import type { GrantsContext } from './context.ts';
import { decisionFacts, loadAsked, principalFacts } from './facts.ts';
import { ownsScope } from './owners.ts';
import { mayAdminister, seesEverything } from './platform-rights.ts';
import { quorumFacts } from './quorum.ts';
import type { Caller } from './submit.ts';

/**
 * Why `approver` cannot approve what `requester` asked, or null: first who is never counted, then policy, with the
 * approver's own address and passkey where they act now; for who could, as if they had just used theirs.
 */
export function whyNotApprove(
  policies: CompiledPolicies,
  approver: Principal,
  requester: Principal,
  facts: DecisionFacts | readonly DecisionFacts[],
  approverAddress?: string,
  mfaAgeSeconds: number | null = approverAddress === undefined ? 0 : null,
): string | null {
  const never = whyNeverCounts(approver.id, quorumFacts(requester, [approver]));
  if (never !== null) return never;
  // Of a bundle: for every member.
  const all = Array.isArray(facts) ? facts : [facts];
  const may = (one: DecisionFacts) =>
    mayApprove(policies, principalFacts(approver), one, approverAddress, mfaAgeSeconds).allowed;
  return all.every(may) ? null : 'Policy does not name you as an approver for this target.';
}

/** The same for who stands in: they must be able to count, and whoever is away must be an approver. */
export function whyNotStandIn(
  policies: CompiledPolicies,
  { by, absent }: { by: Principal; absent: Principal },
  requester: Principal,
  facts: DecisionFacts | readonly DecisionFacts[],
  address?: string,
  mfaAgeSeconds: number | null = null,
): string | null {
  const never = whyNeverCounts(by.id, quorumFacts(requester, [by]));
  return never ?? whyNotApprove(policies, absent, requester, facts, address, mfaAgeSeconds);
}

interface GrantPeople {
  requestId: string;
  target: string;
  principalId: string;
  facts: DecisionFacts;
  requester: Principal;
}

async function grantPeople(ctx: GrantsContext, grantId: string): Promise<GrantPeople | null> {
  const row = await ctx.db
    .selectFrom('grants as g')
    .innerJoin('requests as r', 'r.id', 'g.request_id')
    .select([
      'g.principal_id',
      'g.request_id',
      'g.target_id',
      'g.task_id',
      'r.source_address',
      'r.mfa_age_s',
      'g.duration_s',
      'r.reason',
      'r.ticket',
    ])
    .where('g.id', '=', grantId)
    .executeTakeFirst();
  if (row === undefined) return null;
  const [requester, asked] = await Promise.all([
    principalById(ctx.db, row.principal_id),
    loadAsked(ctx.db, { targetId: row.target_id, taskId: row.task_id }),
  ]);
  const facts = decisionFacts(requester, asked, {
    sourceAddress: row.source_address,
    durationSeconds: row.duration_s,
    reason: row.reason,
    ticket: row.ticket,
    mfaAgeSeconds: row.mfa_age_s,
  });
  return {
    requestId: row.request_id,
    target: asked.target.name,
    principalId: row.principal_id,
    facts,
    requester,
  };
}

/** Its own principal, administrators, auditors, and those who may end it. */
export async function mayReadGrant(ctx: GrantsContext, caller: Caller, grantId: string): Promise<boolean> {
  const people = await grantPeople(ctx, grantId);
  if (people === null) return false;
  if (people.principalId === caller.principal.id || seesEverything(ctx, caller)) return true;
  return answersFor(ctx, caller, people);
}

/**
 * Its own principal, administrators, whoever may approve for its target or did approve it, and whoever owns the target or
 * its segment; an auditor only looks.
 */
export async function mayEndGrant(ctx: GrantsContext, caller: Caller, grantId: string): Promise<boolean> {
  const people = await grantPeople(ctx, grantId);
  if (people === null) return false;
  if (people.principalId === caller.principal.id || mayAdminister(ctx, caller)) return true;
  return answersFor(ctx, caller, people);
}

/** May approve such a thing now, has approved this one, or owns what it is on. */
async function answersFor(ctx: GrantsContext, caller: Caller, people: GrantPeople): Promise<boolean> {
  const { principal } = caller;
  if (whyNotApprove(ctx.policies.current(), principal, people.requester, people.facts) === null) return true;
  if (principal.kind !== 'person') return false;
  if (await ownsScope(ctx.db, caller, { scope: 'target', name: people.target })) return true;
  const given = await ctx.db
    .selectFrom('approvals')
    .select('id')
    .where('request_id', '=', people.requestId)
    .where('principal_id', '=', principal.id)
    .where('verdict', '=', 'approve')
    .executeTakeFirst();
  return given !== undefined;
}
