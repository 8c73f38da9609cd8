import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SHORTCUTS, shortcutReader } from './shortcuts.ts';

test('g and a letter goes to a page', () => {
  const read = shortcutReader();
  assert.equal(read('g', 0), null);
  assert.deepEqual(read('s', 300), { act: 'go', to: '/sessions' });
  assert.equal(read('s', 400), null, 'the g is used up');
});

test('a g that is too old, or followed by nothing known, does nothing', () => {
  const read = shortcutReader();
  read('g', 0);
  assert.equal(read('s', 2_000), null);
  read('g', 3_000);
  assert.equal(read('z', 3_100), null);
  assert.equal(read('s', 3_200), null);
});

test('? shows the list, and no two shortcuts share keys', () => {
  assert.deepEqual(shortcutReader()('?', 0), { act: 'help' });
  assert.equal(new Set(SHORTCUTS.map((shortcut) => shortcut.keys)).size, SHORTCUTS.length);
});
