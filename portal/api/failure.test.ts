import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureFrom, isConflict, isUnauthenticated, sentenceOf, unreachable } from './failure.ts';

test("the server's own words are kept", () => {
  const failure = failureFrom(409, {
    type: 'about:blank',
    title: 'Conflict',
    status: 409,
    code: 'request-changed',
    detail: 'The request is already denied.',
    hint: 'Ask again.',
  });
  assert.equal(failure.code, 'request-changed');
  assert.equal(sentenceOf(failure), 'The request is already denied. Ask again.');
  assert.ok(isConflict(failure));
  assert.ok(!isUnauthenticated(failure));
});

test('a body that is no problem still gives a sentence', () => {
  assert.match(sentenceOf(failureFrom(502, '<html>')), /status 502/);
  assert.match(sentenceOf(unreachable()), /cannot be reached/);
  assert.match(sentenceOf(new TypeError('x')), /Reload/);
});
