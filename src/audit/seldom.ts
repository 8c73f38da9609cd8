// What anybody outside can bring about as often as they like (a refused token, a wrong secret) is logged seldom: once
// in a while for each key, with how many went unsaid before, so that who keeps trying cannot fill the log.

import { monotonicMs } from '../base/timer.ts';

const EVERY_MS = 60_000;
const MOST_KEPT = 10_000;

export interface Seldom {
  /** How many of `key` went unsaid before this one; null: this one goes unsaid too. */
  due(key: string): number | null;
}

/** One entry a minute for each key. Keys are forgotten all at once when there are too many: an entry more, never none. */
export function createSeldom(): Seldom {
  const kept = new Map<string, { since: number; unsaid: number }>();
  return {
    due(key) {
      const before = kept.get(key);
      if (before !== undefined && monotonicMs() - before.since < EVERY_MS) {
        before.unsaid += 1;
        return null;
      }
      if (kept.size >= MOST_KEPT) kept.clear();
      kept.set(key, { since: monotonicMs(), unsaid: 0 });
      return before?.unsaid ?? 0;
    },
  };
}
