// What an entry may hold, and what it must never.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from '../base/canonical-json.ts';
import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { type Entry, leafText, SYSTEM_ACTOR } from './append.ts';
import { LARGEST_LEAF_BYTES, parseLeaf } from './verify/leaf.ts';

const NOW = new Date('2026-11-22T10:00:00.000Z');
const entryOf = (detail: Record<string, unknown>): Entry => ({
  kind: 'grant.active',
  actor: SYSTEM_ACTOR,
  detail,
});

test('the leaf is canonical JSON of what was given', () => {
  const text = leafText(
    {
      ...entryOf({ b: 1, a: ['ü', null, NOW], none: undefined }),
      grantId: 'grt_1',
      sourceAddress: '127.0.0.1',
    },
    NOW,
  );
  assert.equal(
    text,
    '{"actor":{"id":"system","kind":"system","name":"sallyport"},"at":"2026-11-22T10:00:00.000Z","detail":{"a":["ü",null,"2026-11-22T10:00:00.000Z"],"b":1},"grantId":"grt_1","kind":"grant.active","sourceAddress":"127.0.0.1","v":1}',
  );
  assert.equal(parseLeaf(text)?.grantId, 'grt_1');
});

test('secrets are refused by type, by name and as bytes, however deep', () => {
  const hidden: unknown[] = [
    new Secret('x'),
    Buffer.from('x'),
    new Uint8Array(2),
    { password: 'x' },
    { api_token: 1, token: 'x' },
    { privateKey: 'x' },
    { 'stored-key': 'x' },
  ];
  for (const value of hidden) {
    for (const detail of [{ value }, { list: [{ value }] }]) {
      assert.throws(() => leafText(entryOf(detail)), TypeError);
    }
  }
  assert.match(leafText(entryOf({ tokenId: 'tok_1', credentialId: 'crd_1' })), /tok_1/);
});

test('the password in a pasted address does not get in', () => {
  const text = leafText(entryOf({ reason: 'see postgres://anna:hunter2@db:5432/x and https://a:b@c' }));
  assert.match(text, /postgres:\/\/anna:\[secret\]@db:5432\/x and https:\/\/a:\[secret\]@c/);
});

test('what JSON cannot hold is refused', () => {
  for (const value of [1n, () => 1, Symbol('x'), Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => leafText(entryOf({ value })));
  }
  let deep: Record<string, unknown> = {};
  for (let at = 0; at < 20; at++) deep = { deep };
  assert.throws(() => leafText(entryOf(deep)), /too deep/);
});

test('an entry has at most 64 KiB, counted in UTF-8', () => {
  for (const character of ['x', '€']) {
    const most = Math.floor((LARGEST_LEAF_BYTES - 200) / Buffer.byteLength(character));
    assert.ok(Buffer.byteLength(leafText(entryOf({ text: character.repeat(most) }))) <= LARGEST_LEAF_BYTES);
    assert.throws(
      () => leafText(entryOf({ text: character.repeat(most + 200) })),
      (error) => error instanceof Failure && error.code === 'audit-entry-too-large',
    );
  }
});

test('any text that a client can send has its leaf, and it reads back', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
      (reason) => {
        const leaf = parseLeaf(leafText(entryOf({ reason })));
        if (!reason.includes('://')) assert.equal(leaf?.detail.reason, reason.toWellFormed());
      },
    ),
  );
  const detail: Record<string, unknown> = JSON.parse('{"__proto__":{"toJSON":1},"x":1}');
  assert.match(leafText(entryOf(detail)), /"__proto__":\{"toJSON":1\}/);
});

test('the fast way to the text gives what RFC 8785 says, for any detail', () => {
  const value = fc.anything({
    key: fc.oneof(
      fc.string(),
      fc.constantFrom('10', '9', '__proto__', 'toJSON', 'é', '\ud83d\ude00', '\ue000'),
    ),
    values: [
      fc.string({ unit: 'binary' }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    ],
    maxDepth: 4,
  });
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), (detail) => {
      const text = leafText(entryOf(detail), NOW);
      assert.equal(text, canonicalJson(JSON.parse(text)));
      if (!text.includes('://')) {
        const whole = { v: 1, at: NOW.toISOString(), kind: 'grant.active', actor: SYSTEM_ACTOR, detail };
        assert.equal(text, canonicalJson(whole));
      }
    }),
    { numRuns: 150 },
  );
});
