// What the tests that ran say of a row. A row passes only when every test that it names was seen to pass.

import type { FaultRow } from './table.ts';

export interface SeenTest {
  file: string;
  name: string;
  failed: boolean;
  /** Why; null: it ran. */
  skipped: string | null;
  suite: boolean;
  ms: number;
}

export interface RowResult {
  row: string;
  fault: string;
  passMark: string;
  figures: string[];
  result: 'passed' | 'failed' | 'skipped';
  /** What failed, was skipped, or is missing. */
  why: string;
  seconds: number;
}

export function judge(row: FaultRow, seen: readonly SeenTest[], figures: string[]): RowResult {
  const whys: string[] = [];
  const shown = row.shownBy.flatMap(({ file, only }) => {
    const own = seen.filter((one) => one.file === file && !one.suite && (only?.test(one.name) ?? true));
    if (own.length === 0)
      whys.push(`no test of ${file} ${only === undefined ? 'ran' : `is named like ${only}`}`);
    // A file or suite that broke as a whole has no tests to show for it.
    const broken = seen.filter((one) => one.file === file && one.suite && one.failed);
    return own.length === 0 ? broken : own;
  });
  const failed = shown.filter((one) => one.failed);
  const skipped = shown.filter((one) => one.skipped !== null);
  const missing = whys.length > 0 || row.shownBy.length === 0;
  whys.push(...failed.map(({ name }) => `failed: ${name}`));
  whys.push(...[...new Set(skipped.map(({ name, skipped: why }) => `skipped: ${name}: ${why}`))]);
  const { key, fault, passMark } = row;
  return {
    row: key,
    fault,
    passMark,
    figures,
    result: missing || failed.length > 0 ? 'failed' : skipped.length === shown.length ? 'skipped' : 'passed',
    why: whys.join('; '),
    seconds: Math.round(shown.reduce((sum, { ms }) => sum + ms, 0) / 1000),
  };
}
