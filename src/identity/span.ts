// From when until when: what shifts and delegations share. Both need an end, because nobody remembers to end them.

import { describeDuration } from '../base/duration.ts';
import { invalid } from '../base/errors.ts';

const DAY_MS = 86_400_000;
/** Further ahead than this nobody plans, and a mistyped year is not noticed. */
const FURTHEST_DAYS = 366;

export interface Span {
  from: Date;
  until: Date;
}

/** `from` is now when left out. Errors: `invalid-input`, naming the field. */
export function spanFrom(
  body: { from?: string | undefined; until: string },
  now: Date,
  longestDays: number,
): Span {
  const from = body.from === undefined ? now : new Date(body.from);
  const until = new Date(body.until);
  if (until.getTime() <= Math.max(now.getTime(), from.getTime()))
    throw invalid('until', 'The end has to come after now, and after the beginning.');
  if (until.getTime() - from.getTime() > longestDays * DAY_MS) {
    throw invalid('until', `At most ${describeDuration(longestDays * 86_400)}; make another one after it.`);
  }
  if (from.getTime() - now.getTime() > FURTHEST_DAYS * DAY_MS) {
    throw invalid('from', `At most ${FURTHEST_DAYS} days ahead.`);
  }
  return { from, until };
}
