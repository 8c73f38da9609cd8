import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundleBody, previewBody, submitBody } from '../../src/api/requests.ts';
import { exampleRequest } from './examples.ts';
import { bodyOf, bundleOf, EMPTY_WISH, missingIn, previewOf, startProblem, wishLike } from './wish.ts';

test('an unfinished wish says what is missing and asks nothing', () => {
  assert.deepEqual(missingIn(EMPTY_WISH), ['a target', 'a task', 'a reason']);
  assert.equal(previewOf(EMPTY_WISH), null);
  assert.equal(previewOf({ ...EMPTY_WISH, target: 'a', task: 'b', duration: '1y' }), null);
});

test('the same again is complete and passes the wire schemas', () => {
  const wish = wishLike(exampleRequest({ ticket: 'OPS-1' }));
  assert.deepEqual(missingIn(wish), []);
  assert.deepEqual(submitBody.parse(bodyOf(wish)), {
    target: 'orders-db',
    task: 'fix-orders',
    duration: '1h',
    reason: 'mend order 4711',
    ticket: 'OPS-1',
  });
  assert.ok(previewBody.safeParse(previewOf(wish)).success);
  assert.ok(!('ticket' in bodyOf({ ...wish, ticket: '  ' })));
});

test('a start is now, or a moment in the future; what has passed is said and never sent', () => {
  const wish = wishLike(exampleRequest({}));
  assert.ok(!('startsAt' in bodyOf(wish)));
  const later = { ...wish, startsAt: '2099-01-02T03:04' };
  assert.equal(bodyOf(later).startsAt, new Date('2099-01-02T03:04').toISOString());
  assert.equal(previewOf(later)?.startsAt, bodyOf(later).startsAt);
  assert.ok(submitBody.safeParse(bodyOf(later)).success);
  const nowMs = Date.parse('2026-01-01T00:00:00');
  assert.equal(startProblem('2026-01-01T00:00', nowMs), 'That has passed already.');
  assert.equal(startProblem('2026-01-01T00:01', nowMs), null);
  assert.match(startProblem('soon', nowMs) ?? '', /Say on which day/);
  assert.deepEqual(missingIn({ ...wish, startsAt: '2020-01-01T00:00' }), ['a start in the future']);
  assert.equal(previewOf({ ...wish, startsAt: '2020-01-01T00:00' }), null);
});

test('more than one is a bundle: in order, what is missing named by its place, and the same again has them all', () => {
  const member = (target: string, task: string) => ({
    target,
    task,
    segment: 'prod/eu',
    rights: [],
    outcome: 'allow' as const,
  });
  const request = exampleRequest({});
  const wish = wishLike({ ...request, members: [member('orders-db', 'fix-orders'), member('shop', 'read')] });
  assert.deepEqual(bundleBody.parse(bundleOf(wish)).members, [
    { target: 'orders-db', task: 'fix-orders' },
    { target: 'shop', task: 'read' },
  ]);
  assert.ok(!('target' in bundleOf(wish)));
  assert.deepEqual(missingIn({ ...wish, more: [{ key: 1, target: '', task: '' }] }), ['target 2', 'task 2']);
});
