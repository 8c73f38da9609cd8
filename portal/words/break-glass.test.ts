import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BrokenGlass } from '../../src/api/break-glass.ts';
import { brokenText, reviewState } from './break-glass.ts';

const ONE: BrokenGlass = {
  reviewId: 'rvw_01jd2q0v6w8x9y0z1a2b3c4d5e',
  drill: false,
  source: 'grant',
  usedBy: ['erin'],
  target: 'orders-db',
  segment: 'prod/eu/orders',
  task: 'fix-orders',
  until: null,
};

test('who broke what, by grant, by kit and in a drill', () => {
  assert.equal(brokenText(ONE), 'erin broke the glass: fix-orders on orders-db');
  assert.equal(
    brokenText({ ...ONE, source: 'kit', target: null, usedBy: ['ada, bo'], drill: true }),
    'Drill: ada, bo opened the emergency kit: fix-orders on prod/eu/orders',
  );
});

test('a review is to be done, overdue, or has its verdict', () => {
  assert.deepEqual(
    [reviewState({ verdict: null, overdue: false }), reviewState({ verdict: null, overdue: true })].map(
      (one) => one.word,
    ),
    ['To review', 'Overdue'],
  );
  assert.equal(reviewState({ verdict: 'not-justified', overdue: true }).tone, 'bad');
});
