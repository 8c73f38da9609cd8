// What the thread that compares is told and answers.

import type { PolicyPlan } from '../api/policy-plan.ts';
import type { Compared, StoredRow } from './compare.ts';
import type { PrincipalFacts } from './engine/facts.ts';
import type { Rule } from './engine/rule.ts';

export type CompareMessage =
  /** Some of a set's rules, as they were compiled; `sets` says that both are whole. */
  | { kind: 'rules'; of: 'before' | 'after'; rules: Rule[] }
  | { kind: 'sets'; before: string; after: string; nowMs: number }
  | { kind: 'rows'; rows: RowText[] }
  | { kind: 'end'; people: PrincipalFacts[] };

/** A stored decision whose JSON is still text: the thread reads it, and nobody else waits for that. */
export type RowText = Omit<StoredRow, 'facts' | 'obligations'> & { facts: string; obligations: string };

export interface CompareResult {
  kind: 'result';
  compared: Compared;
  rights: PolicyPlan['rights'];
  approvers: PolicyPlan['approvers'];
}

export type CompareAnswer = { kind: 'ready' } | CompareResult;
