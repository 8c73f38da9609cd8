// A stored decision, made again: by the same policies it comes to the same, which proves that nothing else went
// into it; by changed ones it shows what the change would have done.

import { isDeepStrictEqual } from 'node:util';
import { canonicalJson } from '../base/canonical-json.ts';
import type { CompiledPolicies } from './engine/compile.ts';
import { decideOutcome, permitted } from './engine/decide.ts';
import type { DecisionFacts, Obligations } from './engine/facts.ts';

/** The columns of `decisions` that a replay needs. */
export interface DecisionRow {
  action: string;
  outcome: string;
  facts: object;
  obligations: object;
}

export interface Replay {
  outcome: string;
  obligations: Obligations;
  /** `outcome` and `obligations`, as far as they differ from what is stored. */
  differences: ('outcome' | 'obligations')[];
}

/** Pure. Errors: Failure where the stored facts are not facts. */
export function replayDecision(policies: CompiledPolicies, row: DecisionRow): Replay {
  const facts = row.facts as DecisionFacts;
  const again =
    row.action === 'connect' || row.action === 'breakGlass'
      ? permissionAsOutcome(policies, row.action, facts)
      : decideOutcome(policies, facts);
  const differences: Replay['differences'] = [];
  if (again.outcome !== row.outcome) differences.push('outcome');
  if (!isSame(again.obligations, row.obligations)) differences.push('obligations');
  return { outcome: again.outcome, obligations: again.obligations, differences };
}

// What is stored has no order of its own, and no undefined; mostly both are the same as they stand.
function isSame(obligations: Obligations, stored: object): boolean {
  return isDeepStrictEqual(obligations, stored) || canonicalJson(obligations) === canonicalJson(stored);
}

function permissionAsOutcome(
  policies: CompiledPolicies,
  action: 'connect' | 'breakGlass',
  facts: DecisionFacts,
) {
  const { allowed, obligations } = permitted(policies, action, facts);
  return { outcome: allowed ? 'allow' : 'deny', obligations };
}
