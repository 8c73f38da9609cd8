// What a change does to people beside their requests: their rights over Sallyport itself, and who could approve what is
// asked for. Pure.

import type { PolicyPlan } from '../api/policy-plan.ts';
import type { CompiledPolicies } from './engine/compile.ts';
import { decideOutcome, mayApprove } from './engine/decide.ts';
import {
  type ApprovalStage,
  type DecisionFacts,
  PLATFORM_ACTIONS,
  type PrincipalFacts,
} from './engine/facts.ts';
import { couldOnPlatform } from './engine/possible.ts';

/** People who could approve, at most, for one task on one target. */
const MOST_CANDIDATES = 300;

interface Sets {
  before: CompiledPolicies;
  after: CompiledPolicies;
  nowMs: number;
}

/** Whatever address and hour a policy asks for: a right that holds in the office only is a right. */
export function rightsThatChange(sets: Sets, people: readonly PrincipalFacts[]): PolicyPlan['rights'] {
  const context = { sourceIp: '127.0.0.1', nowMs: sets.nowMs, mfaAgeSeconds: null };
  return people.flatMap((principal) =>
    PLATFORM_ACTIONS.flatMap((right) => {
      const facts = { principal, context };
      const before = couldOnPlatform(sets.before, right, facts);
      const after = couldOnPlatform(sets.after, right, facts);
      if (before === after) return [];
      return [{ principal: principal.name, right, change: after ? ('gains' as const) : ('loses' as const) }];
    }),
  );
}

/** `asked`: one request for each task and target; only those that need approval by the candidate are looked at. */
export function approversThatChange(
  sets: Sets,
  people: readonly PrincipalFacts[],
  asked: readonly DecisionFacts[],
): PolicyPlan['approvers'] {
  return asked.flatMap((facts) => {
    const { outcome, obligations } = decideOutcome(sets.after, facts);
    if (outcome !== 'needs-approval') return [];
    const able = people
      .filter((one) => one.id !== facts.principal.id && inStage(one, obligations.approvals, facts))
      .slice(0, MOST_CANDIDATES);
    // Where they are when they approve is not known: where the requester was is as good as any.
    const may = (policies: CompiledPolicies) =>
      new Set(able.filter((one) => mayApprove(policies, one, facts).allowed).map((one) => one.name));
    const [before, after] = [may(sets.before), may(sets.after)];
    const gains = [...after].filter((name) => !before.has(name));
    const loses = [...before].filter((name) => !after.has(name));
    if (gains.length === 0 && loses.length === 0) return [];
    const stages = obligations.approvals;
    return [{ task: facts.task.name, target: facts.target.name, stages, gains, loses }];
  });
}

function inStage(person: PrincipalFacts, stages: readonly ApprovalStage[], facts: DecisionFacts): boolean {
  return stages.some(({ from }) =>
    from === 'manager'
      ? person.id === facts.principal.managerId
      : person.groups.some((group) => from === `Group::"${group}"`),
  );
}
