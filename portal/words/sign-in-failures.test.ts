import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signInFailure } from './sign-in-failures.ts';

test('a code has its sentence, and whatever else stands in the address is not shown', () => {
  assert.match(signInFailure('account-disabled'), /disabled/);
  for (const code of ['<b>call us</b>', 'constructor', '__proto__', '']) {
    assert.equal(signInFailure(code), 'Signing in did not work.');
  }
});
