import assert from 'node:assert/strict';
import { test } from 'node:test';
import { middle, narrowed, type Offset, offsetFrom } from './server-clock.ts';

test('many answers find a clock that is 7.3 s ahead within 100 ms', () => {
  const ahead = 7_300;
  let offset: Offset | null = null;
  for (let call = 0; call < 40; call += 1) {
    const sent = 1_700_000_000_000 + call * 1_037;
    const received = sent + 12;
    const answered = sent + 6 + ahead;
    const header = new Date(Math.floor(answered / 1000) * 1000).toUTCString();
    const fresh = offsetFrom(header, sent, received);
    assert.ok(fresh !== null && fresh.lowMs <= ahead && ahead <= fresh.highMs);
    offset = narrowed(offset, fresh);
  }
  assert.ok(Math.abs(middle(offset) - ahead) < 100, `${middle(offset)} is not near ${ahead}`);
});

test('a clock that was moved starts afresh', () => {
  const before: Offset = { lowMs: 0, highMs: 10 };
  assert.deepEqual(narrowed(before, { lowMs: 5_000, highMs: 5_900 }), { lowMs: 5_000, highMs: 5_900 });
});

test('an answer without a date says nothing', () => {
  assert.equal(offsetFrom(null, 0, 1), null);
  assert.equal(offsetFrom('soon', 0, 1), null);
});
