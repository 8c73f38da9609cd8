// Answers of the engine, kept for those who ask a great deal at once. Two questions are one where no policy in the slot
// can tell them apart: what the slot does not read is not looked at, and a number or an address that is only ever
// compared counts by the outcome of the comparisons. So who asks again tomorrow, an hour later and from the next desk is
// asked of Cedar once. An answer in which something failed names what failed, and is not kept.

import type { Context } from '@cedar-policy/cedar-wasm/nodejs';
import type { Bundle } from './bundle.ts';
import type { CompiledPolicies } from './compile.ts';
import type { Need } from './flatten.ts';
import type { Query } from './query.ts';
import { SLOTS } from './slots.ts';

/** Answers kept at once, some 200 bytes each; then all are forgotten. */
const MOST_ANSWERS = 200_000;

export class Memory {
  /** By slot, then by what its policies can tell: which of them hold. */
  readonly #answers = new Map<string, Map<string, readonly number[]>>();
  readonly #most: number;
  #count = 0;
  #asked = 0;
  #known = 0;

  constructor(most = MOST_ANSWERS) {
    this.#most = most;
  }

  recall({ slotKey }: Bundle, likeness: string): readonly number[] | undefined {
    this.#asked++;
    const answer = this.#answers.get(slotKey)?.get(likeness);
    if (answer !== undefined) this.#known++;
    return answer;
  }

  keep({ slotKey }: Bundle, likeness: string, held: readonly number[]): void {
    if (this.#count >= this.#most) {
      this.#answers.clear();
      this.#count = 0;
    }
    let bySlot = this.#answers.get(slotKey);
    if (bySlot === undefined) {
      bySlot = new Map();
      this.#answers.set(slotKey, bySlot);
    }
    bySlot.set(likeness, held);
    this.#count++;
  }

  /** Slots asked, and how many of those were known. */
  use(): { asked: number; known: number } {
    return { asked: this.#asked, known: this.#known };
  }
}

/** The same set, whose answers are kept in `memory`. Other sets may share it: what they have in common is asked once. */
export function remembering(policies: CompiledPolicies, memory: Memory): CompiledPolicies {
  return { ...policies, asking: { slots: policies.asking?.slots ?? SLOTS, memory } };
}

/** The same text for questions that the bundle's policies cannot tell apart; `context` is what they are asked in. */
export function likenessOf({ need }: Bundle, query: Query, context: Context): string {
  const { edges, ranges } = edgesOf(need);
  const told: unknown[] = [
    need.principal ? query.principal : query.principal.type,
    need.resource ? query.resource : query.resource.type,
    query.entities(need),
  ];
  for (const [name, value] of Object.entries(context)) {
    const at = typeof value === 'number' ? edges.get(name) : undefined;
    if (at !== undefined) told.push(name, passed(at, Number(value)));
    else if (name === 'sourceBits') told.push(name, inRanges(ranges, String(value)));
    else told.push(name, value);
  }
  return JSON.stringify(told);
}

interface Edges {
  /** Of each number, in order, where the outcome of a comparison changes. */
  edges: ReadonlyMap<string, readonly number[]>;
  ranges: readonly string[];
}

const known = new WeakMap<Need, Edges>();

function edgesOf(need: Need): Edges {
  const ready = known.get(need);
  if (ready !== undefined) return ready;
  const edges = new Map([...need.edges].map(([name, at]) => [name, [...at].sort((a, b) => a - b)]));
  const fresh = { edges, ranges: [...need.ranges] };
  known.set(need, fresh);
  return fresh;
}

function passed(edges: readonly number[], value: number): number {
  let count = 0;
  for (const edge of edges) if (edge <= value) count++;
  return count;
}

function inRanges(ranges: readonly string[], bits: string): number[] {
  const inside: number[] = [];
  for (const [at, range] of ranges.entries()) if (bits.startsWith(range)) inside.push(at);
  return inside;
}
