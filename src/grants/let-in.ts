// Whether a session may be open: `connect` is asked. Who may break the glass may go through it without a permit to
// connect; what forbids sessions there holds all the same.

import type { CompiledPolicies } from '../policy/engine/compile.ts';
import { mayConnect, permitted } from '../policy/engine/decide.ts';
import type { DecisionFacts, Permission } from '../policy/engine/facts.ts';

export interface LetIn {
  /** Which action the verdict rests on. */
  action: 'connect' | 'breakGlass';
  verdict: Permission;
}

/** `breakGlass`: the session's grant was taken by break-glass. */
export function letIn(policies: CompiledPolicies, facts: DecisionFacts, breakGlass: boolean): LetIn {
  const verdict = mayConnect(policies, facts);
  const lacksPermit = !verdict.allowed && verdict.determining.length === 0;
  return breakGlass && lacksPermit
    ? { action: 'breakGlass', verdict: permitted(policies, 'breakGlass', facts) }
    : { action: 'connect', verdict };
}
