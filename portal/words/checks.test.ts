import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkWords, promisesOf } from './checks.ts';

const report = (...statuses: ('ok' | 'warn' | 'fail')[]) => ({
  ok: !statuses.includes('fail'),
  checkedAt: '2026-11-22T10:00:00.000Z',
  items: statuses.map((status) => ({ name: status, status, detail: '' })),
});

test('the worst finding names the check', () => {
  assert.equal(checkWords(null).tone, 'quiet');
  assert.equal(checkWords(report('ok', 'ok')).word, 'Check passed');
  assert.deepEqual(
    [checkWords(report('ok', 'warn')).word, checkWords(report('warn')).tone],
    ['1 warning', 'wait'],
  );
  assert.equal(checkWords(report('fail', 'warn', 'fail')).word, '2 checks fail');
});

test('a promise that is not held is said plainly', () => {
  const said = promisesOf({ endsSessions: false, nativeExpiry: true, revocableCredential: true });
  assert.deepEqual(
    said.map((promise) => promise.held),
    [false, true, true],
  );
  assert.match(said[0]?.text ?? '', /Cannot/);
});
