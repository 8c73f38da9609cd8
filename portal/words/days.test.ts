import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filledDays } from './days.ts';

test('gaps are filled, order is restored, the rest is told', () => {
  const day = (at: string, requests: number) => ({ day: at, requests, allowed: 1, approved: 1, denied: 0 });
  const filled = filledDays([day('2026-11-04', 5), day('2026-11-01', 2)]);
  assert.deepEqual(
    filled.map((one) => one.day),
    ['2026-11-01', '2026-11-02', '2026-11-03', '2026-11-04'],
  );
  assert.deepEqual(
    filled.map((one) => one.other),
    [0, 0, 0, 3],
  );
  assert.equal(filled[1]?.allowed, 0);
  assert.deepEqual(filledDays([]), []);
});
