// A row of the fault table must not pass by accident: by a test that was renamed, skipped or never ran.

import assert from 'node:assert/strict';
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../harness/checks.ts';
import { judge, type SeenTest } from './judge.ts';
import { FAULT_TABLE, type FaultRow } from './table.ts';

const ROW: FaultRow = {
  key: 'row',
  fault: 'something breaks',
  passMark: 'it holds',
  shownBy: [{ file: 'a.test.ts', only: /^cut/ }, { file: 'b.test.ts' }],
};
const ran = (file: string, name: string, more: Partial<SeenTest> = {}): SeenTest => ({
  file,
  name,
  failed: false,
  skipped: null,
  suite: false,
  ms: 1_000,
  ...more,
});

test('a row passes when every test that it names passed', () => {
  const seen = [
    ran('a.test.ts', 'cut at once'),
    ran('b.test.ts', 'any'),
    ran('a.test.ts', 'other', { failed: true }),
  ];
  assert.deepEqual(judge(ROW, seen, ['0.2 s']), {
    row: 'row',
    fault: 'something breaks',
    passMark: 'it holds',
    figures: ['0.2 s'],
    result: 'passed',
    why: '',
    seconds: 2,
  });
});

test('one that failed, is missing, or was skipped shows', () => {
  const result = (...seen: SeenTest[]) => judge(ROW, seen, []);
  assert.equal(result(ran('a.test.ts', 'cut'), ran('b.test.ts', 'x', { failed: true })).result, 'failed');
  const renamed = result(ran('a.test.ts', 'renamed'), ran('b.test.ts', 'x'));
  assert.equal(renamed.result, 'failed');
  assert.match(renamed.why, /no test of a\.test\.ts is named like/);
  const skipped = { skipped: 'needs root' };
  assert.equal(result(ran('a.test.ts', 'cut', skipped), ran('b.test.ts', 'x', skipped)).result, 'skipped');
  const partly = result(ran('a.test.ts', 'cut', skipped), ran('b.test.ts', 'x'));
  assert.equal(partly.result, 'passed');
  assert.match(partly.why, /skipped: cut: needs root/);
  assert.equal(judge({ ...ROW, shownBy: [] }, [], []).result, 'failed');
});

test('what only the table runs stands in the table', () => {
  const named = new Set(FAULT_TABLE.flatMap(({ shownBy }) => shownBy.map(({ file }) => file)));
  const files = globSync('test/**/*.fault.ts', { cwd: ROOT });
  assert.ok(files.length > 0);
  assert.deepEqual(
    files.filter((file) => !named.has(file)),
    [],
  );
});

test('the table names files that there are, and each row once', () => {
  const missing = FAULT_TABLE.flatMap(({ shownBy }) =>
    shownBy.filter(({ file }) => !existsSync(join(ROOT, file))),
  );
  assert.deepEqual(missing, []);
  assert.equal(new Set(FAULT_TABLE.map(({ key }) => key)).size, FAULT_TABLE.length);
});
