import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cedarTokens } from './cedar-tokens.ts';

test('keywords, names, strings, annotations and comments are told apart', () => {
  const text = '@id("a") // permit\nforbid (principal in Group::"in", action) when { context has ticket };';
  assert.deepEqual(
    cedarTokens(text)
      .filter((token) => token.tone !== 'plain')
      .map((token) => `${token.tone} ${token.text}`),
    [
      'note @id',
      'text "a"',
      'comment // permit',
      'effect forbid',
      'word principal',
      'word in',
      'name Group',
      'text "in"',
      'word action',
      'word when',
      'word context',
      'word has',
    ],
  );
});

test('no character is lost, whatever is typed', () => {
  const pieces = fc.constantFrom('"', '\\', '//', '\n', 'permit', '@', 'Group::', ' ', '{', 'é', 'in');
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), (all) => {
      const text = all.join('');
      assert.equal(
        cedarTokens(text)
          .map((token) => token.text)
          .join(''),
        text,
      );
    }),
  );
});
