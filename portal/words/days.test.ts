import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filledDays } from './days.ts';

const day = (at: string, requests: number) => ({ day: at, requests, allowed: 1, approved: 1, denied: 0 });

test('gaps are filled, order is restored, the rest is told', () => {
  const filled = filledDays([day('2026-11-04', 5), day('2026-11-01', 2)], '2026-11-04', 3);
  assert.deepEqual(
    filled.map((one) => one.day),
    ['2026-11-01', '2026-11-02', '2026-11-03', '2026-11-04'],
  );
  assert.deepEqual(
    filled.map((one) => one.other),
    [0, 0, 0, 3],
  );
  assert.equal(filled[1]?.allowed, 0);
});

test('a quiet time is shown as long as it was', () => {
  const filled = filledDays([day('2026-11-30', 2)], '2026-12-01', 7);
  assert.equal(filled.length, 7);
  assert.deepEqual([filled[0]?.day, filled[6]?.day], ['2026-11-25', '2026-12-01']);
  assert.equal(filledDays([], '2026-12-01', 30).length, 30);
});
