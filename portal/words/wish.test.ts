import assert from 'node:assert/strict';
import { test } from 'node:test';
import { previewBody, submitBody } from '../../src/api/requests.ts';
import { exampleRequest } from './examples.ts';
import { bodyOf, EMPTY_WISH, missingIn, previewOf, wishLike } from './wish.ts';

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
