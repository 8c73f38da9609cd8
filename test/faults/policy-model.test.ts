// A hundred thousand random questions: sharded and cut down, the engine answers as Cedar does on the whole text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findDisagreements } from '../harness/policy-model.ts';

const QUESTIONS = 100_000;

test('sharded is unsharded, whatever is asked', (t) => {
  const seed = 1 + Math.floor(Math.random() * 1_000);
  t.diagnostic(`seed ${seed}`);
  assert.deepEqual(findDisagreements(seed, QUESTIONS), []);
});
