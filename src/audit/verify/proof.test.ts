// Every proof that is made holds, and none holds for anything else.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { consistencyProof, inclusionProof, rootOf, verifyConsistency, verifyInclusion } from './proof.ts';
import { leafHash } from './tree.ts';

const LEAVES = Array.from({ length: 130 }, (_, at) => leafHash(`leaf ${at}`));
const spoilt = (hash: Uint8Array) => Uint8Array.from(hash, (byte, at) => (at === 7 ? byte ^ 1 : byte));

test('inclusion holds for every leaf of every size, and for no other place, leaf or root', () => {
  for (let size = 1; size <= LEAVES.length; size += size < 20 ? 1 : 13) {
    const leaves = LEAVES.slice(0, size);
    const root = rootOf(leaves);
    for (const [index, leaf] of leaves.entries()) {
      const proof = inclusionProof(leaves, index);
      assert.equal(verifyInclusion(leaf, index, size, proof, root), true);
      assert.equal(verifyInclusion(spoilt(leaf), index, size, proof, root), false);
      assert.equal(verifyInclusion(leaf, index, size, proof, spoilt(root)), false);
      assert.equal(verifyInclusion(leaf, index, size, [...proof, leaf], root), false);
      if (size > 1) {
        assert.equal(verifyInclusion(leaf, index === 0 ? 1 : index - 1, size, proof, root), false);
        assert.equal(verifyInclusion(leaf, index, size, proof.slice(1), root), false);
        assert.equal(
          verifyInclusion(leaf, index, size, proof.with(0, spoilt(proof[0] ?? leaf)), root),
          false,
        );
      }
    }
  }
});

test('consistency holds between any two sizes, and not with a changed past or a shorter future', () => {
  for (let size = 1; size <= LEAVES.length; size += size < 20 ? 1 : 17) {
    const leaves = LEAVES.slice(0, size);
    const root = rootOf(leaves);
    for (let earlier = 1; earlier <= size; earlier++) {
      const earlierRoot = rootOf(leaves, 0, earlier);
      const proof = consistencyProof(leaves, earlier);
      assert.equal(verifyConsistency(earlier, earlierRoot, size, root, proof), true, `${earlier} of ${size}`);
      assert.equal(verifyConsistency(earlier, spoilt(earlierRoot), size, root, proof), false);
      assert.equal(verifyConsistency(earlier, earlierRoot, size, spoilt(root), proof), false);
      assert.equal(verifyConsistency(earlier, earlierRoot, size, root, [...proof, root]), false);
      if (proof.length > 0) {
        assert.equal(verifyConsistency(earlier, earlierRoot, size, root, proof.slice(0, -1)), false);
      }
    }
  }
});

test('numbers that are no sizes never verify', () => {
  const odd = fc.constantFrom(-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53);
  const leaf = leafHash('leaf 0');
  fc.assert(
    fc.property(odd, odd, (a, b) => {
      assert.equal(verifyInclusion(leaf, a, b, [], leaf), false);
      assert.equal(verifyInclusion(leaf, 0, a, [], leaf), false);
      assert.equal(verifyConsistency(a, leaf, b, leaf, []), false);
    }),
  );
});
