import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APPROVER, exampleRequest } from './examples.ts';
import { whatChanged } from './what-changed.ts';

test('nothing changed, nothing said', () => {
  assert.deepEqual(
    whatChanged(
      exampleRequest(),
      exampleRequest({ seenBy: [{ by: APPROVER, at: '2026-11-22T10:00:01.000Z' }] }),
    ),
    [],
  );
});

test('a decision by another and a stricter policy are told', () => {
  const before = exampleRequest();
  const denied = exampleRequest({
    state: 'denied',
    approvals: [
      {
        by: APPROVER,
        onBehalfOf: null,
        verdict: 'deny',
        durationSeconds: null,
        reason: 'no',
        at: '2026-11-22T10:00:05.000Z',
      },
    ],
  });
  assert.deepEqual(whatChanged(before, denied), [
    'It is denied now (it was pending).',
    'approver denied it meanwhile.',
  ]);
  const stricter = exampleRequest({
    decision: {
      ...before.decision,
      obligations: {
        ...before.decision.obligations,
        approvals: [{ count: 2, from: 'Group::"dba"' }],
        maxDurationSeconds: 1800,
      },
    },
  });
  assert.deepEqual(whatChanged(before, stricter), [
    'The approvals needed are now 2 of dba (they were 1 of dba).',
    'The longest time allowed is now 30 min (it was 2 h).',
  ]);
});

test('another digest is never passed over in silence', () => {
  assert.deepEqual(whatChanged(exampleRequest(), exampleRequest({ digest: 'd2' })), [
    'What was asked for has changed.',
  ]);
});
