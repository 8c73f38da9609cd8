import assert from 'node:assert/strict';
import { test } from 'node:test';
import { indexAt, LONGEST_PAUSE_MS, layOut, typedShare } from './replay.ts';

test('long pauses are cut, short ones kept, nothing overlaps', () => {
  const { moments, totalMs } = layOut([
    { offsetMs: 500, durationMs: 10 },
    { offsetMs: 1_000, durationMs: 200 },
    { offsetMs: 601_200, durationMs: null },
  ]);
  assert.deepEqual(
    moments.map((moment) => moment.cutMs),
    [0, 0, 600_000 - LONGEST_PAUSE_MS],
  );
  for (const [position, moment] of moments.entries()) {
    assert.ok(moment.toMs > moment.fromMs);
    const next = moments[position + 1];
    if (next !== undefined) assert.ok(next.fromMs >= moment.toMs);
  }
  assert.ok(totalMs < 5_000);
});

test('the statement on screen', () => {
  const { moments } = layOut([
    { offsetMs: 0, durationMs: 100 },
    { offsetMs: 1_000, durationMs: 100 },
    { offsetMs: 2_000, durationMs: 100 },
  ]);
  assert.equal(indexAt(moments, -5), 0);
  for (const moment of moments) {
    assert.equal(indexAt(moments, moment.fromMs), moment.index);
    assert.equal(indexAt(moments, moment.toMs), moment.index);
  }
  assert.equal(indexAt(moments, 1e9), 2);
  assert.equal(indexAt([], 0), 0);
});

test('a text is typed, then stands', () => {
  const moment = { index: 0, fromMs: 100, toMs: 300, cutMs: 0 };
  assert.equal(typedShare(moment, 0), 0);
  assert.equal(typedShare(moment, 200), 0.5);
  assert.equal(typedShare(moment, 900), 1);
});
