// Inclusion and consistency proofs (RFC 9162, sections 2.1.3 and 2.1.4): that an entry is in a log, and that a
// later log only adds to an earlier one, shown with a few hashes instead of the whole log.

import { EMPTY_ROOT, nodeHash } from './tree.ts';

type Hash = Uint8Array;

/** The root over `leaves[from, to)`. */
export function rootOf(leaves: readonly Hash[], from = 0, to: number = leaves.length): Hash {
  if (to <= from) return EMPTY_ROOT;
  const only = leaves[from];
  if (to - from === 1 && only !== undefined) return only;
  const split = from + splitOf(to - from);
  return nodeHash(rootOf(leaves, from, split), rootOf(leaves, split, to));
}

/** The proof that `leaves[index]` is in the tree of all `leaves`. Errors: RangeError outside the tree. */
export function inclusionProof(leaves: readonly Hash[], index: number): Hash[] {
  if (!Number.isSafeInteger(index) || index < 0 || index >= leaves.length) {
    throw new RangeError(`There is no leaf ${index} in a tree of ${leaves.length}.`);
  }
  const proof: Hash[] = [];
  let from = 0;
  let to = leaves.length;
  while (to - from > 1) {
    const split = from + splitOf(to - from);
    if (index < split) {
      proof.push(rootOf(leaves, split, to));
      to = split;
    } else {
      proof.push(rootOf(leaves, from, split));
      from = split;
    }
  }
  return proof.reverse();
}

/** Does `proof` show that `leaf` stands at `index` of the tree of `size` leaves with this root? */
export function verifyInclusion(
  leaf: Hash,
  index: number,
  size: number,
  proof: readonly Hash[],
  root: Hash,
): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  let place = index;
  let last = size - 1;
  let node = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      node = nodeHash(sibling, node);
      while (place % 2 === 0 && place !== 0) {
        place /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      node = nodeHash(node, sibling);
    }
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && same(node, root);
}

/** The proof that the tree of all `leaves` begins with its first `size`. Errors: RangeError outside the tree. */
export function consistencyProof(leaves: readonly Hash[], size: number): Hash[] {
  if (!Number.isSafeInteger(size) || size < 1 || size > leaves.length) {
    throw new RangeError(`There is no earlier tree of ${size} leaves in one of ${leaves.length}.`);
  }
  const proof: Hash[] = [];
  let from = 0;
  let to = leaves.length;
  let whole = true;
  while (size !== to) {
    const split = from + splitOf(to - from);
    if (size <= split) {
      proof.push(rootOf(leaves, split, to));
      to = split;
    } else {
      proof.push(rootOf(leaves, from, split));
      from = split;
      whole = false;
    }
  }
  // The earlier root itself is known to the reader, so it is left out where it is a subtree.
  if (!whole) proof.push(rootOf(leaves, from, to));
  return proof.reverse();
}

/** Does `proof` show that the tree (`size`, `root`) begins with the tree (`earlierSize`, `earlierRoot`)? */
export function verifyConsistency(
  earlierSize: number,
  earlierRoot: Hash,
  size: number,
  root: Hash,
  proof: readonly Hash[],
): boolean {
  if (!Number.isSafeInteger(earlierSize) || !Number.isSafeInteger(size)) return false;
  if (earlierSize < 0 || earlierSize > size) return false;
  if (earlierSize === 0) return proof.length === 0 && same(earlierRoot, EMPTY_ROOT);
  if (earlierSize === size) return proof.length === 0 && same(earlierRoot, root);
  const path = isPowerOfTwo(earlierSize) ? [earlierRoot, ...proof] : [...proof];
  const first = path.shift();
  if (first === undefined) return false;
  let place = earlierSize - 1;
  let last = size - 1;
  while (place % 2 === 1) {
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  let earlier = first;
  let later = first;
  for (const sibling of path) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      earlier = nodeHash(sibling, earlier);
      later = nodeHash(sibling, later);
      while (place % 2 === 0 && place !== 0) {
        place /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      later = nodeHash(later, sibling);
    }
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && same(earlier, earlierRoot) && same(later, root);
}

/** The largest power of two below `size` (> 1). */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

function isPowerOfTwo(size: number): boolean {
  let rest = size;
  while (rest % 2 === 0) rest /= 2;
  return rest === 1;
}

function same(a: Hash, b: Hash): boolean {
  return Buffer.compare(a, b) === 0;
}
