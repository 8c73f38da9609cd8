// The Merkle tree of RFC 6962 (SHA-256), kept as a compact range: the roots of its perfect subtrees, largest
// first. Appending needs no more than these, so a log of any length is checked in constant memory.

import { hash } from 'node:crypto';

export const HASH_BYTES = 32;

const LEAF_PREFIX = 0;
const NODE_PREFIX = 1;

// Scratch space: hashing is synchronous, and allocating for each call would cost as much as the hash.
const nodeInput = Buffer.alloc(1 + 2 * HASH_BYTES, NODE_PREFIX);
const chainInput = Buffer.alloc(2 * HASH_BYTES);
let leafInput = Buffer.alloc(4096, LEAF_PREFIX);

/** The root of a tree without leaves. */
export const EMPTY_ROOT: Buffer = hash('sha256', Buffer.alloc(0), 'buffer');

/** SHA-256(0x00 || leaf); a text is hashed as UTF-8. */
export function leafHash(leaf: string | Uint8Array): Buffer {
  const longest = 1 + (typeof leaf === 'string' ? leaf.length * 3 : leaf.length);
  if (longest > leafInput.length) leafInput = Buffer.alloc(2 * longest, LEAF_PREFIX);
  let end = 1;
  if (typeof leaf === 'string') end += leafInput.write(leaf, 1);
  else {
    leafInput.set(leaf, 1);
    end += leaf.length;
  }
  return hash('sha256', leafInput.subarray(0, end), 'buffer');
}

/** SHA-256(0x01 || left || right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return hash('sha256', nodeInput, 'buffer');
}

/**
 * SHA-256(previous || leaf hash): binds an entry to everything before it, so that each entry by itself shows
 * whether its place is right. `previous` is empty for entry 0.
 */
export function chainHash(previous: Uint8Array, leaf: Uint8Array): Buffer {
  chainInput.set(previous, 0);
  chainInput.set(leaf, previous.length);
  return hash('sha256', chainInput.subarray(0, previous.length + leaf.length), 'buffer');
}

/** A tree that one can append to. `nodes` is what to store; `size` and `nodes` together restore it. */
export class CompactRange {
  #size: number;
  readonly #nodes: Buffer[];

  /** Errors: RangeError when `nodes` cannot belong to a tree of `size` leaves. */
  constructor(size = 0, nodes: readonly Buffer[] = []) {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`${size} is not the size of a tree.`);
    if (nodes.length !== onesIn(size) || nodes.some((node) => node.length !== HASH_BYTES)) {
      throw new RangeError(`These are not the ${onesIn(size)} nodes of a tree of ${size} leaves.`);
    }
    this.#size = size;
    this.#nodes = [...nodes];
  }

  get size(): number {
    return this.#size;
  }

  get nodes(): readonly Buffer[] {
    return this.#nodes;
  }

  copy(): CompactRange {
    return new CompactRange(this.#size, this.#nodes);
  }

  append(leaf: Buffer): void {
    let node = leaf;
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2) {
      const left = this.#nodes.pop();
      if (left === undefined) throw new RangeError('The tree has fewer nodes than its size says.');
      node = nodeHash(left, node);
    }
    this.#nodes.push(node);
    this.#size++;
  }

  root(): Buffer {
    const last = this.#nodes.at(-1);
    if (last === undefined) return EMPTY_ROOT;
    let root = last;
    for (const left of this.#nodes.slice(0, -1).reverse()) root = nodeHash(left, root);
    return root;
  }
}

function onesIn(size: number): number {
  let ones = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
  return ones;
}
