import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockText, remainingOf, warningMarks } from './remaining.ts';

const HOUR = 3_600_000;

test('an hour passes through its stages', () => {
  const stageAt = (leftMinutes: number) => remainingOf(0, HOUR, HOUR - leftMinutes * 60_000).stage;
  assert.equal(stageAt(60), 'calm');
  assert.equal(stageAt(15.1), 'calm');
  assert.equal(stageAt(15), 'soon');
  assert.equal(stageAt(5), 'last');
  assert.equal(stageAt(0), 'over');
  assert.equal(stageAt(-3), 'over');
});

test('a short grant does not begin in its last stage', () => {
  assert.equal(remainingOf(0, 240_000, 1_000).stage, 'calm');
  assert.equal(remainingOf(0, 240_000, 130_000).stage, 'soon');
  assert.equal(remainingOf(0, 240_000, 210_000).stage, 'last');
});

test('what is left never exceeds the whole, even when clocks differ', () => {
  const early = remainingOf(10_000, 20_000, 5_000);
  assert.equal(early.fraction, 1);
  assert.equal(remainingOf(null, null, 0).stage, 'planned');
});

test('marks lie inside the grant only', () => {
  assert.deepEqual(
    warningMarks(3600).map((mark) => mark.fraction),
    [0.25, 5 / 60],
  );
  assert.deepEqual(
    warningMarks(600).map((mark) => mark.seconds),
    [300],
  );
  assert.deepEqual(warningMarks(60), []);
});

test('the clock reads as clocks do', () => {
  assert.equal(clockText(3727), '1:02:07');
  assert.equal(clockText(845), '14:05');
  assert.equal(clockText(9), '0:09');
  assert.equal(clockText(-4), '0:00');
  assert.equal(clockText(2 * 86_400 + 3 * 3600 + 600), '2 d 03:10');
});
