// Break-glass in words: who broke what, where a review stands.

import type { BrokenGlass, Review, Verdict } from '../../src/api/break-glass.ts';
import { listText } from './counts.ts';
import type { StateWords } from './states.ts';

export const VERDICTS: Record<Verdict, { label: string; meaning: string }> = {
  justified: { label: 'Justified', meaning: 'It was an emergency, and what was done fits it.' },
  'not-justified': {
    label: 'Not justified',
    meaning: 'It should have been asked for, or should not have been done.',
  },
  'follow-up': {
    label: 'Needs a follow-up',
    meaning: 'Something has to change, so that it need not happen again.',
  },
};

export function brokenText(one: BrokenGlass): string {
  const what = `${one.task} on ${one.target ?? one.segment}`;
  const how = one.source === 'kit' ? 'opened the emergency kit' : 'broke the glass';
  return `${one.drill ? 'Drill: ' : ''}${listText(one.usedBy)} ${how}: ${what}`;
}

export function reviewState(one: Pick<Review, 'verdict' | 'overdue'>): StateWords {
  if (one.verdict !== null) {
    const { label, meaning } = VERDICTS[one.verdict];
    return { word: label, tone: one.verdict === 'justified' ? 'open' : 'bad', meaning };
  }
  return one.overdue
    ? { word: 'Overdue', tone: 'bad', meaning: 'It should have been reviewed by now.' }
    : { word: 'To review', tone: 'wait', meaning: 'Somebody else than its user decides it.' };
}
