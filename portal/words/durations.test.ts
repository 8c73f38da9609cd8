import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationProblem, secondsOf, shorterChoices } from './durations.ts';

test('typed durations', () => {
  assert.equal(secondsOf('30m'), 1800);
  for (const text of ['', '0s', '-5m', '1y', '25d', '1h30m', '1 h'])
    assert.equal(secondsOf(text), null, text);
  assert.equal(durationProblem('2h'), null);
  assert.match(durationProblem('25d') ?? '', /limit of 24d/);
  assert.match(durationProblem('') ?? '', /how long/);
});

test('an approver is offered what was asked, and less, never more', () => {
  assert.deepEqual(shorterChoices(3600, null), ['1h', '30m', '15m', '5m']);
  assert.deepEqual(shorterChoices(3600, 1800), ['30m', '15m', '5m']);
  assert.deepEqual(shorterChoices(90, null), ['90s']);
  for (const choice of shorterChoices(5 * 3600, null)) assert.ok((secondsOf(choice) ?? Infinity) <= 5 * 3600);
});
