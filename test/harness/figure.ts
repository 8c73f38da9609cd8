// A figure that a fault test has measured, for the table that `npm run test:faults` prints: it travels as a diagnostic.

import type { TestContext } from 'node:test';

const PREFIX = 'figure ';

export function figure(t: Pick<TestContext, 'diagnostic'>, row: string, text: string): void {
  t.diagnostic(`${PREFIX}${row}: ${text}`);
}

/** What a diagnostic says of a row, or null when it is none of ours. */
export function readFigure(message: string): { row: string; text: string } | null {
  const found = /^figure ([a-z0-9-]+): (.*)$/s.exec(message);
  return found === null ? null : { row: found[1] ?? '', text: found[2] ?? '' };
}
