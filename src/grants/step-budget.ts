// How many steps may be under way, so that a target that does not answer stalls nobody else: a step that hangs soon
// no longer counts against the others', and a target whose last step failed gets a few at a time until one succeeds.

import { after, monotonicMs } from '../base/timer.ts';

/** Steps that are getting on, on all targets that answer. */
export const MOST_SWIFT = 320;
/** Half of them, so that one target with thousands to do leaves the others room; enough to keep its connections busy. */
export const MOST_ON_TARGET = 160;
/**
 * Thousands may be due at once, at a start or at a deadline, when sessions are cut and people ask too: a target that had
 * nothing to do begins with so many steps, which is what its connections take, and has grown to all of them after so long.
 */
const FIRST_ON_TARGET = 16;
const GROWING_MS = 2_500;
/** Nothing to do for less than this is the pause between two looks. */
const REST_MS = 1_000;
const MOST_ON_FAILING_TARGET = 4;
/** Hanging ones included; each costs memory and a lease, no connection to the store. */
const MOST_IN_ALL = 1_000;
/** A step that takes longer waits for its target. */
const SWIFT_MS = 1_000;

export interface StepBudget {
  mayBegin(targetId: string): boolean;
  /** Counts a step; the answer is called once, when it is over. */
  begin(targetId: string): (failed: boolean) => void;
  /** Targets that get no further step now. */
  full(): string[];
}

interface OnTarget {
  underWay: number;
  failing: boolean;
  /** Since when it has had something to do, and since when it has not (monotonic ms). */
  busySince: number;
  restsSince: number;
}

export function createStepBudget(): StepBudget {
  const targets = new Map<string, OnTarget>();
  let swift = 0;
  let inAll = 0;

  const rests = (target: OnTarget) => target.underWay === 0 && monotonicMs() - target.restsSince >= REST_MS;
  const hasRoom = (target: OnTarget | undefined) => target === undefined || target.underWay < mostOn(target);
  const mostOn = (target: OnTarget) => {
    if (target.failing) return MOST_ON_FAILING_TARGET;
    const grown = rests(target) ? 0 : Math.min(1, (monotonicMs() - target.busySince) / GROWING_MS);
    return Math.round(FIRST_ON_TARGET + grown * (MOST_ON_TARGET - FIRST_ON_TARGET));
  };

  return {
    mayBegin(targetId) {
      const target = targets.get(targetId);
      return inAll < MOST_IN_ALL && hasRoom(target) && (target?.failing === true || swift < MOST_SWIFT);
    },

    begin(targetId) {
      const known = targets.get(targetId);
      const busySince = monotonicMs();
      const target = known ?? { underWay: 0, failing: false, busySince, restsSince: busySince };
      if (rests(target)) target.busySince = busySince;
      targets.set(targetId, target);
      target.underWay++;
      inAll++;
      let counted = !target.failing;
      if (counted) swift++;
      const uncount = () => {
        if (counted) swift--;
        counted = false;
      };
      const timer = after(SWIFT_MS, uncount);
      return (failed) => {
        timer.cancel();
        uncount();
        inAll--;
        target.underWay--;
        target.failing = failed;
        target.restsSince = monotonicMs();
      };
    },

    full() {
      for (const [id, target] of targets) if (rests(target) && !target.failing) targets.delete(id);
      return [...targets].filter(([, target]) => !hasRoom(target)).map(([id]) => id);
    },
  };
}
