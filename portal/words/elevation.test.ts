import assert from 'node:assert/strict';
import { test } from 'node:test';
import { happeningsOf, passageOf, timesOf } from './elevation.ts';
import { APPROVER, exampleGrant, exampleRequest, exampleSession } from './examples.ts';

const states = (passage: ReturnType<typeof passageOf>) => passage.stations.map((station) => station.state);

test('a pending request waits at the first door', () => {
  const passage = passageOf(exampleRequest(), null);
  assert.deepEqual(states(passage), ['done', 'now', 'ahead', 'ahead', 'ahead']);
  assert.deepEqual(passage.spans, [null, null, null, null]);
});

test('a denied request never opens anything', () => {
  const passage = passageOf(exampleRequest({ state: 'denied', decidedAt: '2026-11-22T10:00:30.000Z' }), null);
  assert.deepEqual(states(passage), ['done', 'done', 'never', 'never', 'never']);
  assert.deepEqual(passage.spans, [30, null, null, null]);
});

test('an active grant is open and waits to be shut', () => {
  const request = exampleRequest({ state: 'approved', decidedAt: '2026-11-22T10:01:00.000Z' });
  const passage = passageOf(request, exampleGrant());
  assert.deepEqual(states(passage), ['done', 'done', 'done', 'now', 'ahead']);
  assert.deepEqual(passage.spans, [60, 1, null, null]);
});

test('a grant that ended before it could be made was never open', () => {
  const request = exampleRequest({ state: 'approved', decidedAt: '2026-11-22T10:01:00.000Z' });
  const ended = exampleGrant({
    state: 'revoking',
    activatedAt: null,
    expiresAt: null,
    endedAt: '2026-11-22T10:02:00.000Z',
  });
  assert.deepEqual(states(passageOf(request, ended)), ['done', 'done', 'never', 'done', 'now']);
});

test('everything that happened, in order, with cause before effect', () => {
  const request = exampleRequest({
    state: 'approved',
    decidedAt: '2026-11-22T10:01:00.000Z',
    seenBy: [{ by: APPROVER, at: '2026-11-22T10:00:20.000Z' }],
    approvals: [
      {
        by: APPROVER,
        onBehalfOf: null,
        verdict: 'approve',
        durationSeconds: 1800,
        reason: null,
        at: '2026-11-22T10:01:00.000Z',
      },
    ],
  });
  const grant = exampleGrant({
    state: 'revoked',
    endedAt: '2026-11-22T10:20:00.000Z',
    endReason: 'given back',
    absentAt: '2026-11-22T10:20:01.000Z',
  });
  const session = exampleSession({ live: false, endedAt: '2026-11-22T10:19:00.000Z' });
  const list = happeningsOf(request, [grant], [session]);
  assert.deepEqual(
    list.map((item) => item.at),
    list.map((item) => item.at).toSorted(),
  );
  assert.match(list[0]?.title ?? '', /asked for fix-orders on orders-db for 1 h/);
  assert.match(list[1]?.title ?? '', /1 approval from dba/);
  assert.ok(list.some((item) => item.title === 'approver approved it for 30 min'));
  assert.equal(list.filter((item) => item.sessionId === session.id).length, 2);
  assert.match(list.at(-1)?.title ?? '', /nothing is left/);
});

test('a bundle is open, shut and gone with the last of its members, and what happened says to which', () => {
  const [first, second] = [
    exampleGrant({ endedAt: '2026-11-22T10:10:00.000Z', absentAt: '2026-11-22T10:10:02.000Z' }),
    exampleGrant({ task: 'read-orders', activatedAt: null }),
  ];
  assert.equal(timesOf([]), null);
  const open = timesOf([first, second]);
  assert.deepEqual(
    [open?.activatedAt, open?.endedAt, open?.absentAt],
    [null, null, null],
    'one is not there yet',
  );
  const over = { ...second, activatedAt: first.activatedAt, endedAt: '2026-11-22T10:20:00.000Z' };
  assert.equal(timesOf([first, over])?.endedAt, '2026-11-22T10:20:00.000Z');
  assert.equal(timesOf([first, over])?.absentAt, null, 'one is not gone yet');
  const told = happeningsOf(exampleRequest(), [first, over], []).map((one) => one.title);
  assert.ok(told.includes(`read-orders on ${over.target}: the grant ended`));
});
