import assert from 'node:assert/strict';
import { test } from 'node:test';
import { budgetText, shareText } from './health.ts';

const health = (ended: number, within: number, budgetLeft: number | null) => ({
  objectiveSeconds: 60,
  objectiveShare: 0.99,
  days: 30,
  ended,
  within,
  share: ended === 0 ? null : within / ended,
  budgetLeft,
  medianSeconds: null,
  p99Seconds: null,
});

test('a share below all is never said to be all of it', () => {
  assert.equal(shareText({ share: 0.99999 }), '99.99 %');
  assert.equal(shareText({ share: 1 }), '100.00 %');
  assert.equal(shareText({ share: null }), 'Nothing has ended yet');
});

test('the budget is said with what used it', () => {
  assert.match(budgetText(health(0, 0, null)), /nothing of the error budget is used/);
  assert.match(budgetText(health(200, 200, 1)), /all of the error budget is left/);
  assert.match(budgetText(health(200, 199, 0.5)), /1 of 200 was late: 50 % of the error budget is left/);
  assert.match(budgetText(health(100, 98, -1)), /2 of 100 were late: more than the objective allows/);
});
