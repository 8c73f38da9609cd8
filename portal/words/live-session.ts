// A running session in seconds and statements, as its page shows them.

import type { Pace, Statement } from '../../src/api/sessions.ts';

export const PACE_SECONDS = 60;

export type PaceFigure = 'statements' | 'rows' | 'bytes' | 'written';

/** One value for each of the last sixty seconds, the newest last; a second in which nothing was done is 0. */
export function paceValues(paces: Pace[], figure: PaceFigure, nowMs: number): number[] {
  const values = Array.from({ length: PACE_SECONDS }, () => 0);
  for (const pace of paces) {
    const age = Math.max(0, Math.floor((nowMs - Date.parse(pace.at)) / 1000));
    const slot = PACE_SECONDS - 1 - age;
    if (slot >= 0) values[slot] = (values[slot] ?? 0) + pace[figure];
  }
  return values;
}

/**
 * What the recording says so far and what is newer, in one list in order without a gap: newer ones that do not follow on
 * what is read already are left out, unless nothing is. On a host a shell runs on while others begin and end.
 */
export function mergeStatements(recorded: Statement[], newer: Statement[]): Statement[] {
  if (recorded.length > 0) {
    const last = Math.max(...recorded.map((one) => one.index));
    const first = newer.filter((one) => one.durationMs !== null).map((one) => one.index);
    if (first.length > 0 && Math.min(...first) > last + 1) return recorded;
  }
  const byIndex = new Map([...recorded, ...newer].map((one) => [one.index, one]));
  return [...byIndex.values()].sort((a, b) => a.index - b.index);
}
