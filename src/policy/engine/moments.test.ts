// When time alone can change an answer: at the moments that policies name, in the segment's own zone, and never between.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePolicies } from './compile.ts';
import { momentsOf, spanOf } from './moments.ts';

const moments = (condition: string, more = '') =>
  momentsOf(
    compilePolicies({
      'a.cedar': `${more} permit (principal, action in [Action::"request", Action::"autoApprove"], resource) when { ${condition} };`,
    }),
    ['request', 'autoApprove'],
  );
const at = (iso: string) => Date.parse(iso);
const same = (condition: string, before: string, after: string, zone = 'Europe/Berlin', more = '') =>
  spanOf(moments(condition, more), at(before), zone) === spanOf(moments(condition, more), at(after), zone);

test('the clock, to the second and either way of comparing', () => {
  const before = 'context.localTime < duration("18h")';
  assert.equal(same(before, '2026-11-23T16:59:59Z', '2026-11-23T17:00:00Z'), false);
  assert.equal(same(before, '2026-11-23T12:00:00Z', '2026-11-23T16:59:59Z'), true);
  assert.equal(
    same('context.localTime <= duration("18h")', '2026-11-23T17:00:00Z', '2026-11-23T17:00:01Z'),
    false,
  );
  assert.equal(
    same('duration("18h") > context.localTime', '2026-11-23T16:59:59Z', '2026-11-23T17:00:00Z'),
    false,
  );
  assert.equal(same(before, '2026-11-23T17:59:59Z', '2026-11-23T18:00:00Z', 'UTC'), false);
});

test('days by the midnight of the zone, and not at all where no policy names them', () => {
  const weekend = 'context.dayOfWeek in [Day::"sat", Day::"sun"]';
  assert.equal(same(weekend, '2026-11-20T22:59:59Z', '2026-11-20T23:00:00Z'), false);
  assert.equal(same(weekend, '2026-11-21T10:00:00Z', '2026-11-21T20:00:00Z'), true);
  assert.equal(
    same('context.duration < duration("1h")', '2026-11-20T22:00:00Z', '2027-11-20T23:00:00Z'),
    true,
  );
});

test('instants, expiries, and reckoning without fixed moments', () => {
  const until = 'context.now < datetime("2027-01-01T00:00:00Z")';
  assert.equal(same(until, '2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00Z'), false);
  assert.equal(same(until, '2026-01-01T00:00:00Z', '2026-12-31T23:59:59.999Z'), true);
  const expires = '@expires("2027-01-01T00:00:00Z")';
  assert.equal(same('true', '2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00Z', 'UTC', expires), false);
  const reckoned = 'context.now.toTime() < duration("8h")';
  assert.equal(same(reckoned, '2026-12-31T07:00:00Z', '2026-12-31T07:00:02Z'), false);
  assert.equal(moments('context has now && context.duration < duration("1h")').always, false);
});
