import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suggestionText } from './labels.ts';

test('a suggestion says what it was made of', () => {
  const one = { database: 'orders', column: 'public.customers.email', label: 'pii' } as const;
  assert.equal(
    suggestionText({ ...one, because: ['name', 'data'], looksLike: 'mail', sampled: 200, matching: 180 }),
    'Its name; 180 of 200 values look like mail',
  );
  assert.equal(
    suggestionText({ ...one, because: ['name'], looksLike: null, sampled: 0, matching: 0 }),
    'Its name',
  );
});
