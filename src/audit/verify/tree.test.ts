// The tree against the known answers of the Certificate Transparency reference tests, and against itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rootOf } from './proof.ts';
import { CompactRange, chainHash, EMPTY_ROOT, leafHash } from './tree.ts';

const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

test('the roots are those of the reference tests, for every size', () => {
  const tree = new CompactRange();
  assert.equal(tree.root().toString('hex'), ROOTS[0]);
  for (const [at, leaf] of LEAVES.entries()) {
    tree.append(leafHash(Buffer.from(leaf, 'hex')));
    assert.equal(tree.root().toString('hex'), ROOTS[at + 1]);
  }
});

test('a range restored from its nodes goes on like the one that it was taken from', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.nat(200), (first, second) => {
      const whole = new CompactRange();
      const leaves = Array.from({ length: first + second }, (_, at) => leafHash(`leaf ${at}`));
      for (const leaf of leaves.slice(0, first)) whole.append(leaf);
      const restored = new CompactRange(whole.size, [...whole.nodes]);
      for (const leaf of leaves.slice(first)) restored.append(leaf);
      assert.deepEqual(restored.root(), Buffer.from(rootOf(leaves)));
    }),
  );
});

test('nodes that cannot belong to the size are refused', () => {
  assert.throws(() => new CompactRange(2, []), RangeError);
  assert.throws(() => new CompactRange(0, [EMPTY_ROOT]), RangeError);
  assert.throws(() => new CompactRange(1, [Buffer.alloc(31)]), RangeError);
  assert.throws(() => new CompactRange(-1, []), RangeError);
});

test('texts are hashed as UTF-8, also when they are longer than any before', () => {
  for (const text of ['', 'é€🙂', 'x'.repeat(70_000), '🙂'.repeat(30_000)]) {
    assert.deepEqual(leafHash(text), leafHash(Buffer.from(text)));
  }
});

test('the chain depends on every entry before', () => {
  const [a, b] = [leafHash('a'), leafHash('b')];
  const none = Buffer.alloc(0);
  assert.notDeepEqual(chainHash(chainHash(none, a), b), chainHash(chainHash(none, b), a));
  assert.notDeepEqual(chainHash(none, a), a);
});
