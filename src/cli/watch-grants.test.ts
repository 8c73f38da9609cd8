// What `sally grants --watch` tells, and that it tells it once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Grant } from '../api/grants.ts';
import { newsOf } from './watch-grants.ts';

const NOW = Date.parse('2026-11-28T12:00:00.000Z');
const GRANT: Grant = {
  id: 'grt_01jd2q0v6w8x9y0z1a2b3c4d5e',
  requestId: 'req_01jd2q0v6w8x9y0z1a2b3c4d5e',
  state: 'active',
  principal: { id: 'prn_01jd2q0v6w8x9y0z1a2b3c4d5e', name: 'ada', displayName: 'Ada', kind: 'person' },
  target: 'orders-db',
  task: 'read-orders',
  segment: 'prod',
  login: 'sp_x',
  durationSeconds: 3600,
  createdAt: new Date(NOW).toISOString(),
  startsAt: null,
  activatedAt: new Date(NOW).toISOString(),
  expiresAt: new Date(NOW + 3_600_000).toISOString(),
  endedAt: null,
  endReason: null,
  absentAt: null,
  overdue: false,
  lastError: null,
  blockers: [],
  altered: [],
  nodes: [],
  breakGlass: null,
  liveSessions: 0,
  use: null,
  claimBy: null,
  landingSeconds: 0,
  extension: null,
  mayEnd: true,
};
const at = (minutesLeft: number, more: Partial<Grant> = {}) =>
  newsOf({ ...GRANT, ...more }, NOW + (60 - minutesLeft) * 60_000);

test('at fifteen and at five minutes there is something new, in between there is not', () => {
  assert.equal(at(59).key, at(16).key);
  assert.notEqual(at(16).key, at(15).key);
  assert.equal(at(15).key, at(6).key);
  assert.notEqual(at(6).key, at(5).key);
  assert.notEqual(at(1).key, at(0).key);
  assert.match(at(15).text, /15 min left.*sally extend grt_/);
  assert.doesNotMatch(at(16).text, /sally extend/);
});

test('an extension is news; a clock that has not started warns of nothing', () => {
  const later = { expiresAt: new Date(NOW + 7_200_000).toISOString() };
  assert.notEqual(at(5).key, at(5, later).key);
  assert.doesNotMatch(at(5, { claimBy: GRANT.expiresAt }).text, /sally extend/);
  assert.match(at(5, { claimBy: GRANT.expiresAt }).text, /is ready: connect by/);
});
