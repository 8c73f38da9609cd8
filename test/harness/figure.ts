// A figure that a fault test has measured, for the table that `npm run test:faults` prints: it travels as a diagnostic.
// How far a long one is travels on stderr, since diagnostics are told at the end of a test.

import type { TestContext } from 'node:test';

const PREFIX = 'figure ';
const PROGRESS = 'progress: ';

export function figure(t: Pick<TestContext, 'diagnostic'>, row: string, text: string): void {
  t.diagnostic(`${PREFIX}${row}: ${text}`);
}

/** What a diagnostic says of a row, or null when it is none of ours. */
export function readFigure(message: string): { row: string; text: string } | null {
  const found = /^figure ([a-z0-9-]+): (.*)$/s.exec(message);
  return found === null ? null : { row: found[1] ?? '', text: found[2] ?? '' };
}

/** `done` of `all`; for tests that take many minutes. */
export function progress(done: number, all: number, what: string): void {
  process.stderr.write(`${PROGRESS}${done} of ${all} ${what}\n`);
}

/** The last that a piece of stderr says of how far a test is; null: nothing. */
export function readProgress(text: string): string | null {
  const line = text.split('\n').findLast((one) => one.startsWith(PROGRESS));
  return line?.slice(PROGRESS.length) ?? null;
}
