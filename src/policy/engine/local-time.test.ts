// Wall clocks of zones, also on the days when they change.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../base/errors.ts';
import { clockText, localMoment } from './local-time.ts';

const at = (utc: string, zone: string) => {
  const { secondsOfDay, day } = localMoment(Date.parse(utc), zone);
  return `${day} ${clockText(secondsOfDay)}`;
};

test('the wall clock of the zone is told, on both sides of midnight and of the date line', () => {
  assert.equal(at('2026-11-22T23:59:59Z', 'UTC'), 'sun 23:59:59');
  assert.equal(at('2026-11-23T00:00:00Z', 'UTC'), 'mon 00:00');
  assert.equal(at('2026-11-22T23:00:00Z', 'Europe/Berlin'), 'mon 00:00');
  assert.equal(at('2026-11-22T10:30:00Z', 'Pacific/Kiritimati'), 'mon 00:30');
  assert.equal(at('2026-11-22T10:30:00Z', 'Asia/Kolkata'), 'sun 16:00');
});

test('clocks that change: spring skips an hour, autumn has it twice', () => {
  assert.equal(at('2026-03-29T00:59:59Z', 'Europe/Berlin'), 'sun 01:59:59');
  assert.equal(at('2026-03-29T01:00:00Z', 'Europe/Berlin'), 'sun 03:00');
  assert.equal(at('2026-10-25T00:30:00Z', 'Europe/Berlin'), 'sun 02:30');
  assert.equal(at('2026-10-25T01:30:00Z', 'Europe/Berlin'), 'sun 02:30');
  assert.equal(at('2026-10-25T02:00:00Z', 'Europe/Berlin'), 'sun 03:00');
});

test('an unknown zone is a clear error', () => {
  for (const zone of ['Europe/Atlantis', '', 'UTC; drop']) {
    assert.throws(
      () => localMoment(0, zone),
      (error) => error instanceof Failure && error.code === 'invalid-time-zone',
    );
  }
});
