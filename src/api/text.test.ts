// Names at the border: one canonical form, and nothing that looks like it and is another.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupName } from './people.ts';
import { nameText, segmentPath } from './text.ts';

/** Each looks like `prod/eu`, or leads there by a detour. */
const NOT_SEGMENTS = [
  ...['', '/', 'prod/', '/prod', 'prod//eu', 'prod/./eu', 'prod/../eu', '..', 'Prod/eu', 'prod/EU'],
  ...[' prod', 'prod ', 'prod/eu\n', 'prod\\eu', 'prod%2feu', 'prod/-eu', 'prod/e_u'],
  // Cyrillic о, full-width p, division slash, zero-width space, a combining mark, dotless i, right-to-left mark.
  ...[
    'pr\u043ed/eu',
    '\uff50rod/eu',
    'prod\u2215eu',
    'prod\u200b/eu',
    'prod/eu\u0301',
    'd\u0131sk',
    'prod\u200f',
  ],
  Array.from({ length: 11 }, () => 'a').join('/'),
  'a'.repeat(64),
];

test('a segment has one form, and what looks like it is refused, with the form in the answer', () => {
  for (const path of ['prod', 'prod/eu', 'prod/eu-1/0', Array.from({ length: 10 }, () => 'a').join('/')])
    assert.equal(segmentPath.safeParse(path).success, true, path);
  for (const path of NOT_SEGMENTS) {
    const { error } = segmentPath.safeParse(path);
    assert.match(error?.issues[0]?.message ?? '', /A path such as prod\/eu\/orders/, JSON.stringify(path));
  }
});

test('names of principals and groups are refused in the same way', () => {
  for (const name of [
    'gr\u0430ce',
    'Grace',
    'grace\u200b',
    '-grace',
    'gra ce',
    'gra/ce',
    '',
    'a'.repeat(101),
  ]) {
    assert.equal(nameText.safeParse(name).success, false, JSON.stringify(name));
    assert.equal(groupName.safeParse(name).success, false, JSON.stringify(name));
  }
  assert.equal(groupName.safeParse('a@b').success, false, 'principals only');
});
