// Who reaches what, told by task: those who get it at once, those who need approval, those whom a condition keeps out.

import type { Alike, Place, Reach, Reached } from '../../src/api/segments.ts';
import { describeDuration, LONGEST_DURATION_SECONDS } from '../../src/base/duration.ts';
import { approvalsText, counted, listText } from './counts.ts';
import type { StateWords } from './states.ts';

export const WAYS: Record<'at-once' | 'approval' | 'not-now', StateWords> = {
  'at-once': { word: 'At once', tone: 'open', meaning: 'Nobody needs to approve it.' },
  approval: { word: 'With approval', tone: 'wait', meaning: 'Somebody has to say yes.' },
  'not-now': {
    word: 'Not now',
    tone: 'quiet',
    meaning: 'A policy speaks of them, and a condition keeps out.',
  },
};

export interface Way {
  way: keyof typeof WAYS;
  who: Alike;
  /** For how long, and by whose approval. */
  text: string;
  policies: string[];
  enough: string[];
  opens: boolean;
}

export interface PlaceReach {
  place: Place;
  ways: Way[];
}

/** In the order of the places; each with at once first. */
export function byPlace(reach: Reach): PlaceReach[] {
  return reach.places.map((place, index) => ({
    place,
    ways: reach.rows
      .flatMap((who) => who.reached.filter((one) => one.place === index).map((one) => wayOf(who, one)))
      .sort((a, b) => ORDER.indexOf(a.way) - ORDER.indexOf(b.way)),
  }));
}

const ORDER = ['at-once', 'approval', 'not-now'];

function wayOf(who: Alike, reached: Reached): Way {
  const { atOnceSeconds, approvalSeconds, approvals, policies, enough, opens } = reached;
  const common = { who, policies, enough, opens };
  const longer = approvalSeconds === null ? '' : `${upTo(approvalSeconds)} with ${approvalsText(approvals)}`;
  if (atOnceSeconds !== null) {
    const text = longer === '' ? upTo(atOnceSeconds) : `${upTo(atOnceSeconds)}, ${longer}`;
    return { ...common, way: 'at-once', text };
  }
  return approvalSeconds === null
    ? { ...common, way: 'not-now', text: '' }
    : { ...common, way: 'approval', text: longer };
}

const upTo = (seconds: number): string =>
  seconds >= LONGEST_DURATION_SECONDS ? 'for any duration' : `up to ${describeDuration(seconds)}`;

/** `engineering`, or the names of those who are in no group that counts. */
export function whoText(who: Alike): string {
  if (who.groups.length > 0) return listText(who.groups);
  return namesText(who);
}

export function namesText(who: Alike): string {
  const names = who.principals.map((principal) => principal.name);
  const more = who.count - names.length;
  return more > 0 ? `${names.join(', ')} and ${counted(more, 'other')}` : listText(names);
}

/** What the limits left out, or null when nothing. */
export function leftText({ left }: Reach): string | null {
  const parts = [
    ...(left.places > 0 ? [`${counted(left.places, 'more task')} on targets`] : []),
    ...(left.principals > 0 ? [counted(left.principals, 'more principal')] : []),
    ...(left.pairs > 0
      ? [counted(left.pairs, 'more pair of group and task', 'more pairs of group and task')]
      : []),
  ];
  return parts.length === 0
    ? null
    : `More than is shown: ${listText(parts)}. Choose a segment further down to see it all.`;
}
