// Names of time zones, and what clocks in them show: the hour that is skipped, the hour that comes twice.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkTimeZone, momentOfWall } from './time-zone.ts';

const at = (wall: string, zone = 'Europe/Berlin') =>
  new Date(momentOfWall(wall, zone, 'startsAt')).toISOString();

test('a wall clock is a moment, in winter, in summer and across the date line', () => {
  assert.equal(at('2026-11-25T09:00'), '2026-11-25T08:00:00.000Z');
  assert.equal(at('2026-07-01T09:00:30'), '2026-07-01T07:00:30.000Z');
  assert.equal(at('2026-11-25T09:00', 'Pacific/Kiritimati'), '2026-11-24T19:00:00.000Z');
  assert.equal(at('2026-11-25T09:00', 'UTC'), '2026-11-25T09:00:00.000Z');
});

test('the skipped hour is an error, to its edges, and the doubled one asks which', () => {
  assert.equal(at('2027-03-28T01:59:59'), '2027-03-28T00:59:59.000Z');
  for (const wall of ['2027-03-28T02:00', '2027-03-28T02:30', '2027-03-28T02:59:59'])
    assert.throws(() => at(wall), { code: 'no-such-time' });
  assert.equal(at('2027-03-28T03:00'), '2027-03-28T01:00:00.000Z');
  for (const wall of ['2026-10-25T02:00', '2026-10-25T02:59:59'])
    assert.throws(() => at(wall), { code: 'ambiguous-time' });
  assert.equal(at('2026-10-25T03:00'), '2026-10-25T02:00:00.000Z');
  assert.throws(() => at('2026-12-30T09:00', 'Mars/Olympus'));
});

test('a zone has a name', () => {
  for (const name of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires']) checkTimeZone(name);
  for (const name of ['', '+01:00', 'Europe/Atlantis', 'x'.repeat(80), 'Europe/Berlin ', '../etc'])
    assert.throws(() => checkTimeZone(name), { code: 'invalid-time-zone' }, name);
});
