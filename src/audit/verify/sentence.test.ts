// Sentences never break, whatever a leaf holds, and never carry what a terminal would obey.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Leaf } from './leaf.ts';
import { KNOWN_KINDS, sentence } from './sentence.ts';

const ANNA = { id: 'prn_1', name: 'anna', kind: 'person' };
const leafOf = (kind: string, detail: Record<string, unknown>, actor = ANNA): Leaf => ({
  v: 1,
  at: '2026-11-22T00:00:00.000Z',
  kind,
  actor,
  detail,
});

test('a request, its grant and its end read like a story', () => {
  const detail = {
    target: 'orders-db',
    task: 'read-orders',
    durationSeconds: 1800,
    reason: 'ticket 7',
    outcome: 'allow',
  };
  assert.equal(
    sentence(leafOf('request.submitted', detail)),
    'anna asked for read-orders on orders-db for 30 min: “ticket 7”; policy allowed it.',
  );
  const system = { id: 'system', name: 'sallyport', kind: 'system' };
  assert.equal(
    sentence(leafOf('grant.ending', { reason: 'expired' }, system)),
    'The grant is being taken away: expired.',
  );
  assert.equal(
    sentence(leafOf('grant.revoked', { login: 'sp_1', sessionsEnded: 2 }, system)),
    'The target confirmed that the grant is gone: the login sp_1 is absent, 2 sessions were ended.',
  );
  assert.equal(
    sentence(leafOf('something.new', { target: 'orders-db' })),
    'anna: something.new on orders-db.',
  );
  assert.equal(sentence(leafOf('constructor', {})), 'anna: constructor.');
});

test('every kind has a sentence for any detail, in one line and without control characters', () => {
  const texts = fc.string({ unit: 'binary', maxLength: 400 });
  const detail = fc.dictionary(
    fc.constantFrom(
      'target',
      'task',
      'reason',
      'note',
      'login',
      'durationSeconds',
      'outcome',
      'principal',
      'sessionsEnded',
    ),
    fc.oneof(texts, fc.double(), fc.anything()),
  );
  fc.assert(
    fc.property(fc.constantFrom(...KNOWN_KINDS), detail, texts, (kind, held, name) => {
      const text = sentence({ ...leafOf(kind, held, { ...ANNA, name }), sourceAddress: name });
      assert.match(text, /^[^\p{Cc}\p{Zl}\p{Zp}\u202e]+$/u);
      assert.ok(text.length <= 1000);
    }),
    { numRuns: 1000 },
  );
});
