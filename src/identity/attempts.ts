// Counts what somebody gets wrong in a window of time, so that nobody guesses on.

import { Failure } from '../base/errors.ts';
import { monotonicMs } from '../base/timer.ts';

export interface Attempts {
  /** Errors: `too-many-attempts` for who has used up theirs. */
  check(who: string): void;
  /** One more that was wrong. */
  wrong(who: string): void;
}

const MOST_KEPT = 10_000;

export function createAttempts(most: number, windowMs: number): Attempts {
  const counts = new Map<string, { since: number; count: number }>();
  const current = (who: string) => {
    const kept = counts.get(who);
    return kept === undefined || monotonicMs() - kept.since > windowMs
      ? { since: monotonicMs(), count: 0 }
      : kept;
  };
  return {
    check(who) {
      if (current(who).count < most) return;
      throw new Failure('limit', 'too-many-attempts', 'Too many wrong codes; wait ten minutes.');
    },
    wrong(who) {
      const entry = current(who);
      entry.count += 1;
      if (counts.size >= MOST_KEPT) counts.clear();
      counts.set(who, entry);
    },
  };
}
