// Random questions, a hundred thousand of them in `npm run test:faults`: sharded and cut down, the engine answers as
// Cedar does on the whole text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findDisagreements } from '../harness/policy-model.ts';

const QUESTIONS = Number(process.env.SALLY_POLICY_QUESTIONS ?? 5_000);

test('sharded is unsharded, whatever is asked', (t) => {
  const seed = 1 + Math.floor(Math.random() * 1_000);
  t.diagnostic(`seed ${seed}`);
  assert.deepEqual(findDisagreements(seed, QUESTIONS), []);
});
