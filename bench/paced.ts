// Calls on a fixed beat, each measured from the moment when it was due: a server that stands still for a second has
// kept all waiting that came in that second, not only the one that it was busy with.

import { setTimeout as delay } from 'node:timers/promises';

export interface Pacing {
  /** Calls that were answered. */
  count(): number;
  /** Waits for what is under way; gives ms of each call, in the order in which they were due. Errors: the first call's. */
  stop(): Promise<number[]>;
}

export function pace(perSecond: number, calls: readonly (() => Promise<unknown>)[]): Pacing {
  const took: number[] = [];
  const underWay: Promise<void>[] = [];
  const startedAt = performance.now();
  let answered = 0;
  let stopped = false;
  const running = (async () => {
    for (let n = 0; !stopped; n++) {
      const dueAt = startedAt + (n * 1000) / perSecond;
      await delay(Math.max(0, dueAt - performance.now()));
      const call = calls[n % calls.length];
      if (stopped || call === undefined) return;
      underWay.push(
        call().then(() => {
          took[n] = performance.now() - dueAt;
          answered++;
        }),
      );
    }
  })();
  return {
    count: () => answered,
    async stop() {
      stopped = true;
      await running;
      await Promise.all(underWay);
      return took;
    },
  };
}

/** Nearest rank. Errors: RangeError for no values. */
export function percentile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('There is no percentile of nothing.');
  return value;
}
