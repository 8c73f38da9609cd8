import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Statement } from '../../src/api/sessions.ts';
import { mergeStatements, PACE_SECONDS, paceValues } from './live-session.ts';

const NOW = Date.parse('2026-03-02T10:00:00.000Z');
const pace = (secondsAgo: number, statements: number) => ({
  at: new Date(NOW - secondsAgo * 1000).toISOString(),
  statements,
  refused: 0,
  rows: statements * 10,
  bytes: 0,
  written: 0,
});

test('a minute in seconds: the newest last, what is older than a minute left out, two of one second added', () => {
  const values = paceValues([pace(75, 9), pace(59, 1), pace(0.4, 2), pace(0.1, 3)], 'statements', NOW);
  assert.equal(values.length, PACE_SECONDS);
  assert.deepEqual([values[0], values[58], values[59]], [1, 0, 5]);
  assert.equal(paceValues([pace(-3, 4)], 'rows', NOW).at(-1), 40, 'a clock that is a little ahead');
});

const one = (index: number, durationMs: number | null = 1): Statement => ({
  index,
  at: new Date(NOW).toISOString(),
  offsetMs: index,
  text: 'select 1',
  protocol: 'simple',
  verdict: 'passed',
  rows: 1,
  bytes: 1,
  durationMs,
  error: null,
  exit: null,
  sha256: null,
});
const indexes = (list: Statement[]) => list.map((item) => item.index);

test('what is newer continues the recording, replaces what ran, and leaves no gap', () => {
  const merged = mergeStatements([one(0), one(1, null)], [one(1), one(2)]);
  assert.deepEqual(indexes(merged), [0, 1, 2]);
  assert.equal(merged[1]?.durationMs, 1);
  assert.deepEqual(
    indexes(mergeStatements([one(0)], [one(7)])),
    [0],
    'a gap would look like nothing was done',
  );
  assert.deepEqual(indexes(mergeStatements([], [one(7)])), [7]);
  assert.deepEqual(indexes(mergeStatements([one(0)], [])), [0]);
});

test('a shell that runs on while others end is there once, in its place', () => {
  const merged = mergeStatements([one(0, null), one(1)], [one(1), one(2), one(0, null)]);
  assert.deepEqual(indexes(merged), [0, 1, 2]);
  assert.deepEqual(indexes(mergeStatements([one(0, null), one(1)], [one(7), one(0, null)])), [0, 1]);
});
