import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../base/errors.ts';
import {
  type GrantEvent,
  grantState,
  nextGrantTruth,
  nextRequestState,
  type RequestEvent,
} from './transitions.ts';

const REQUEST_STATES = ['pending', 'approved', 'denied', 'cancelled', 'expired'] as const;
const REQUEST_EVENTS: RequestEvent[] = ['approve', 'deny', 'cancel', 'expire'];

test('only a pending request can be decided', () => {
  for (const state of REQUEST_STATES) {
    for (const event of REQUEST_EVENTS) {
      if (state === 'pending') assert.notEqual(nextRequestState(state, event), 'pending');
      else
        assert.throws(
          () => nextRequestState(state, event),
          (e) => e instanceof Failure && e.code === `request-${state}`,
        );
    }
  }
});

test('every pair of wanted and observed has a state', () => {
  assert.equal(grantState({ wanted: 'present', observed: 'unknown' }), 'granting');
  assert.equal(grantState({ wanted: 'present', observed: 'present' }), 'active');
  assert.equal(grantState({ wanted: 'absent', observed: 'unknown' }), 'revoking');
  assert.equal(grantState({ wanted: 'absent', observed: 'inert' }), 'cleanup-pending');
  assert.equal(grantState({ wanted: 'absent', observed: 'absent' }), 'revoked');
});

test('no event leads from wanted absent back to wanted present', () => {
  const events: GrantEvent[] = [
    'activated',
    'end',
    'made-inert',
    'verified-absent',
    'extend',
    'issue-credential',
    'open-session',
  ];
  for (const observed of ['unknown', 'present', 'inert', 'absent'] as const) {
    for (const event of events) {
      try {
        assert.equal(nextGrantTruth({ wanted: 'absent', observed }, event).wanted, 'absent');
      } catch (error) {
        assert.ok(error instanceof Failure);
      }
    }
  }
});

test('only an active grant lets anyone in', () => {
  for (const event of ['extend', 'issue-credential', 'open-session'] as const) {
    assert.deepEqual(nextGrantTruth({ wanted: 'present', observed: 'present' }, event), {
      wanted: 'present',
      observed: 'present',
    });
    for (const truth of [
      { wanted: 'present', observed: 'unknown' },
      { wanted: 'absent', observed: 'present' },
      { wanted: 'absent', observed: 'absent' },
    ] as const) {
      assert.throws(() => nextGrantTruth(truth, event), Failure);
    }
  }
});
