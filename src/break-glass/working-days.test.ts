// Two working days, where the segment is: a weekend reviews nothing, and it begins when it begins there.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { workingDaysAfter } from './working-days.ts';

const after = (from: string, days: number, zone: string) =>
  workingDaysAfter(new Date(from), days, zone).toISOString();

test('two working days go over a weekend, and count from within one', () => {
  const cases: [from: string, due: string][] = [
    ['2026-11-23T10:00:00.000Z', '2026-11-25T10:00:00.000Z'], // Monday → Wednesday
    ['2026-11-26T10:00:00.000Z', '2026-11-30T10:00:00.000Z'], // Thursday → Monday
    ['2026-11-27T10:00:00.000Z', '2026-12-01T10:00:00.000Z'], // Friday → Tuesday
    ['2026-11-28T10:00:00.000Z', '2026-12-01T10:00:00.000Z'], // Saturday → Tuesday
  ];
  for (const [from, due] of cases) assert.equal(after(from, 2, 'UTC'), due, from);
});

test('the weekend is that of the time zone', () => {
  // Friday 20:00 UTC is Saturday in Tokyo.
  assert.equal(after('2026-11-27T20:00:00.000Z', 1, 'UTC'), '2026-11-30T20:00:00.000Z');
  assert.equal(after('2026-11-26T20:00:00.000Z', 1, 'Asia/Tokyo'), '2026-11-29T20:00:00.000Z');
});
