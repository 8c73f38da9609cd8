// More time for a grant that is live: decided like a request for the whole length, and by what speaks of the action
// `extend` besides. A permit for `extend` is not needed; where there are some they may only add: a shorter maximum,
// approvals, a passkey. A forbid of `extend` bars.

import type { CompiledPolicies } from './compile.ts';
import { decide, permitted } from './decide.ts';
import type { Decided, DecisionFacts, Permission } from './facts.ts';
import { mergeObligations } from './obligations.ts';

export interface DecidedExtension {
  /** The request for the whole length by itself: what is stored, and can be replayed. */
  asRequest: Decided;
  /** Both together: what holds. */
  decided: Decided;
}

/** `facts.context.durationSeconds` is the whole length from the beginning. Pure; errors as `decide`. */
export function decideExtension(policies: CompiledPolicies, facts: DecisionFacts): DecidedExtension {
  const asRequest = decide(policies, facts);
  const extension = permitted(policies, 'extend', facts);
  if (asRequest.outcome === 'deny') return { asRequest, decided: asRequest };
  // Nothing speaks of `extend`: then only the request does.
  if (!extension.allowed && extension.determining.length === 0) return { asRequest, decided: asRequest };
  return { asRequest, decided: together(asRequest, extension) };
}

function together(asRequest: Decided, extension: Permission): Decided {
  if (!extension.allowed) {
    const { reasons, enough, determining } = extension;
    const longestSeconds = extension.obligations.maxDurationSeconds;
    return { ...asRequest, outcome: 'deny', reasons, enough, determining, longestSeconds };
  }
  const merged = mergeObligations([asRequest.obligations, extension.obligations]);
  const approvals = merged.approvals.length > 0;
  return {
    ...asRequest,
    outcome: approvals ? 'needs-approval' : asRequest.outcome,
    reasons: [...asRequest.reasons, ...extension.reasons],
    obligations: merged,
    determining: [...new Set([...asRequest.determining, ...extension.determining])],
    alarms: [...new Set([...asRequest.alarms, ...extension.alarms])],
  };
}
