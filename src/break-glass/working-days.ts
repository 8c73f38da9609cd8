// When a review is due: two working days, in the time zone of the segment, since a weekend reviews nothing.

import { localMoment } from '../policy/engine/local-time.ts';

export const REVIEW_WORKING_DAYS = 2;
const DAY_MS = 86_400_000;

/** `days` working days after `from`: Saturdays and Sundays there do not count. */
export function workingDaysAfter(from: Date, days: number, timeZone: string): Date {
  let atMs = from.getTime();
  for (let left = days; left > 0; ) {
    atMs += DAY_MS;
    const { day } = localMoment(atMs, timeZone);
    if (day !== 'sat' && day !== 'sun') left -= 1;
  }
  return new Date(atMs);
}
