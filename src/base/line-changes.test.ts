// What is shown as a change gives both texts again, whatever they are.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lineChanges, nearChanges } from './line-changes.ts';

test('a line between two that stay', () => {
  assert.deepEqual(lineChanges('a\nb\nc\n', 'a\nx\nc\n'), [
    { what: 'same', text: 'a' },
    { what: 'removed', text: 'b' },
    { what: 'added', text: 'x' },
    { what: 'same', text: 'c' },
  ]);
  assert.deepEqual(lineChanges('', 'a'), [{ what: 'added', text: 'a' }]);
  assert.deepEqual(lineChanges('a', ''), [{ what: 'removed', text: 'a' }]);
});

test('without the added lines it is the old text, without the removed ones the new', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(text, text, (old, fresh) => {
      const changes = lineChanges(`${old.join('\n')}\n`, `${fresh.join('\n')}\n`);
      const side = (not: string) => changes.filter((line) => line.what !== not).map((line) => line.text);
      assert.deepEqual(side('added'), old);
      assert.deepEqual(side('removed'), fresh);
    }),
  );
});

test('far from a change, lines are left out, and it is told where', () => {
  const lines = lineChanges('a\nb\nc\nd\ne', 'a\nb\nc\nd\nx');
  assert.deepEqual(
    nearChanges(lines, 1).map((line) => line?.text ?? null),
    [null, 'd', 'e', 'x'],
  );
  assert.deepEqual(nearChanges(lineChanges('a', 'a'), 1), [null]);
});
