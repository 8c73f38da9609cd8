// What the thread that compares is told and answers.

import type { PolicyPlan } from '../api/policy-plan.ts';
import type { Compared, StoredRow } from './compare.ts';
import type { PrincipalFacts } from './engine/facts.ts';

export type CompareMessage =
  | { kind: 'sets'; before: Record<string, string>; after: Record<string, string>; nowMs: number }
  | { kind: 'rows'; rows: StoredRow[] }
  | { kind: 'end'; people: PrincipalFacts[] };

export interface CompareResult {
  kind: 'result';
  compared: Compared;
  rights: PolicyPlan['rights'];
  approvers: PolicyPlan['approvers'];
}

export type CompareAnswer = { kind: 'ready' } | CompareResult;
