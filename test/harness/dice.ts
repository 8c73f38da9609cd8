// Chance that can be had again: the seed is printed, and SALLY_SEED sets it.

import type { TestContext } from 'node:test';

export interface Dice {
  seed: number;
  /** From 0 to below 1. */
  next(): number;
  /** `count` of them at most, without repeats. */
  draw<T>(from: readonly T[], count: number): T[];
}

export function createDice(t: Pick<TestContext, 'diagnostic'>): Dice {
  const seed = Number(process.env.SALLY_SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`SALLY_SEED=${seed}`);
  let state = seed >>> 0;
  // mulberry32
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    seed,
    next,
    draw(from, count) {
      const left = [...from];
      const drawn: (typeof left)[number][] = [];
      while (drawn.length < count && left.length > 0)
        drawn.push(...left.splice(Math.floor(next() * left.length), 1));
      return drawn;
    },
  };
}
