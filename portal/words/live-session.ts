// A running session in seconds and statements, as its page shows them.

import type { Pace, Statement } from '../../src/api/sessions.ts';

export const PACE_SECONDS = 60;

export type PaceFigure = 'statements' | 'rows' | 'bytes';

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
 * What the recording says so far and what is newer, in one list without a gap: newer ones that do not follow on what is
 * read already are left out, unless nothing is.
 */
export function mergeStatements(recorded: Statement[], newer: Statement[]): Statement[] {
  const last = recorded.at(-1)?.index;
  const first = newer[0]?.index;
  if (last === undefined) return newer;
  if (first === undefined || first > last + 1) return recorded;
  return [...recorded.filter((one) => one.index < first), ...newer];
}
