// Changes of policy in words: how they stand, and what a plan says.

import type { FileChange, ProposalState } from '../../src/api/policy-changes.ts';
import type { PlanExample, PolicyPlan } from '../../src/api/policy-plan.ts';
import { controlWords } from '../../src/base/control-words.ts';
import { describeDuration } from '../../src/base/duration.ts';
import { approvalsText, counted } from './counts.ts';
import { OUTCOMES, type StateWords } from './states.ts';

export const PROPOSAL_STATES: Record<ProposalState, StateWords> = {
  open: { word: 'Waits for a signature', tone: 'wait', meaning: 'A second person has to sign it.' },
  published: { word: 'Signed', tone: 'good', meaning: 'It came into force.' },
  refused: { word: 'Refused', tone: 'bad', meaning: 'Somebody who could have signed said no.' },
  withdrawn: { word: 'Withdrawn', tone: 'quiet', meaning: 'Its proposer took it back.' },
  expired: { word: 'Expired', tone: 'quiet', meaning: 'Nobody signed it in time.' },
  outdated: { word: 'Out of date', tone: 'quiet', meaning: 'Other policies came into force meanwhile.' },
};

export type Category = 'newlyAllowed' | 'newlyDenied' | 'otherApprovers' | 'otherObligations';

export const CATEGORIES: { key: Category; label: string; tone: 'lamp' | 'ember' | 'wait' | 'quiet' }[] = [
  { key: 'newlyAllowed', label: 'Newly allowed', tone: 'lamp' },
  { key: 'newlyDenied', label: 'Newly denied', tone: 'ember' },
  { key: 'otherApprovers', label: 'Other approvers', tone: 'wait' },
  { key: 'otherObligations', label: 'Other obligations', tone: 'quiet' },
];

const SHORT = 12;

/** Enough of a digest to tell two apart. */
export const shortDigest = (digest: string): string => digest.slice(0, SHORT);

/** `orders.cedar changed`, or `3 files`. */
export function changesText(changes: FileChange[]): string {
  const [first] = changes;
  return changes.length === 1 && first !== undefined
    ? `${first.file} ${first.what}`
    : counted(changes.length, 'file');
}

/** How much was looked at, honestly. */
export function replayedText({ decisions, days }: PolicyPlan): string {
  const { stored, replayed, unreadable } = decisions;
  const read =
    replayed < stored
      ? `The newest ${counted(replayed, 'decision')} of ${stored.toLocaleString('en')} in ${days} days, made again.`
      : `${counted(replayed, 'decision')} of the last ${days} days, made again.`;
  return unreadable === 0 ? read : `${read} ${unreadable} could not be read.`;
}

/** `Allowed at once`, `Needs approval: 2 approvals from dba`, with the longest duration and what sessions are held to. */
export function sideText(side: PlanExample['before']): string {
  const { outcome, obligations } = side;
  const { word } = OUTCOMES[outcome];
  const stages = outcome === 'needs-approval' ? `: ${approvalsText(obligations.approvals)}` : '';
  const most =
    outcome === 'deny' || obligations.maxDurationSeconds === null
      ? ''
      : `, ${describeDuration(obligations.maxDurationSeconds)} at most`;
  const held = outcome === 'deny' ? [] : controlWords(obligations);
  return [`${word}${stages}${most}`, ...held].join(', ');
}
