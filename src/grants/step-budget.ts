// How many steps may be under way, so that a target that does not answer stalls nobody else: a step that hangs soon
// no longer counts against the others', and a target whose last step failed gets a few at a time until one succeeds.

import { after, monotonicMs } from '../base/timer.ts';

/** Steps that are getting on, on all targets that answer. */
export const MOST_SWIFT = 320;
/** Half of them, so that one target with thousands to do leaves the others room; enough to keep its connections busy. */
export const MOST_ON_TARGET = 160;
const MOST_ON_FAILING_TARGET = 4;
/**
 * A start may find thousands of steps due, and people's first requests are not to wait until all of that has been
 * compiled and run for the first time: it begins with so few at a time, and has grown to all of them after so long.
 */
const FEWEST_WHILE_COLD = 2;
const WARMING_MS = 5_000;
/** Hanging ones included; each costs memory and a lease, no connection to the store. */
const MOST_IN_ALL = 1_000;
/** A step that takes longer waits for its target. */
const SWIFT_MS = 1_000;

export interface StepBudget {
  /** The program begins to work: it is cold now, and warmer by and by. Never called, it is warm. */
  start(): void;
  /** How many of what comes in thousands, at a time, where a warm program takes `most`. */
  share(most: number): number;
  mayBegin(targetId: string): boolean;
  /** Counts a step; the answer is called once, when it is over. */
  begin(targetId: string): (failed: boolean) => void;
  /** Targets that get no further step now. */
  full(): string[];
}

interface OnTarget {
  underWay: number;
  failing: boolean;
}

export function createStepBudget(): StepBudget {
  const targets = new Map<string, OnTarget>();
  let swift = 0;
  let inAll = 0;
  let warmAtMs = Number.NEGATIVE_INFINITY;

  const share = (most: number) => {
    const warmth = Math.min(1, Math.max(0, 1 - (warmAtMs - monotonicMs()) / WARMING_MS));
    return Math.round(FEWEST_WHILE_COLD + warmth ** 2 * (most - FEWEST_WHILE_COLD));
  };
  const hasRoom = (target: OnTarget | undefined) => target === undefined || target.underWay < mostOn(target);
  const mostOn = ({ failing }: OnTarget) => (failing ? MOST_ON_FAILING_TARGET : share(MOST_ON_TARGET));

  return {
    start() {
      warmAtMs = monotonicMs() + WARMING_MS;
    },

    share,

    mayBegin(targetId) {
      const target = targets.get(targetId);
      return inAll < MOST_IN_ALL && hasRoom(target) && (target?.failing === true || swift < MOST_SWIFT);
    },

    begin(targetId) {
      const target = targets.get(targetId) ?? { underWay: 0, failing: false };
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
        if (target.underWay === 0 && !failed) targets.delete(targetId);
      };
    },

    full: () => [...targets].filter(([, target]) => !hasRoom(target)).map(([id]) => id),
  };
}
