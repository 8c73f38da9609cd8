// Answers of the engine, kept for those who ask a great deal at once. Two questions are one where no policy in the slot
// can tell them apart: what the slot does not read is not looked at, and what is only ever compared with fixed numbers or
// patterns (a moment, an address, a ticket) counts by the outcome of the comparisons. So who asks again tomorrow, an hour later and from the next desk is
// asked of Cedar once. An answer in which something failed names what failed, and is not kept.

import type { Context, PatternElem } from '@cedar-policy/cedar-wasm/nodejs';
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
  const told: unknown[] = [
    need.principal ? query.principal : query.principal.type,
    need.resource ? query.resource : query.resource.type,
    query.entities(need),
  ];
  if (need.wholeContext) return JSON.stringify([...told, context]);
  const { edges, patterns } = testsOf(need);
  for (const [name, value] of Object.entries(context)) {
    const at = edges.get(name);
    if (at !== undefined && typeof value === 'number') told.push(name, passed(at, value));
    else if (need.read.has(name) || typeof value !== 'string') told.push(name, value);
    else told.push(name, matching(patterns.get(name) ?? [], value));
  }
  return JSON.stringify(told);
}

interface Tests {
  /** In order. */
  edges: ReadonlyMap<string, readonly number[]>;
  patterns: ReadonlyMap<string, readonly RegExp[]>;
}

const known = new WeakMap<Need, Tests>();

function testsOf(need: Need): Tests {
  const ready = known.get(need);
  if (ready !== undefined) return ready;
  const fresh = {
    edges: new Map([...need.edges].map(([name, at]) => [name, [...at].sort((a, b) => a - b)])),
    patterns: new Map([...need.patterns].map(([name, some]) => [name, [...some].map(regexOf)])),
  };
  known.set(need, fresh);
  return fresh;
}

function regexOf(pattern: string): RegExp {
  const parts: PatternElem[] = JSON.parse(pattern);
  const text = parts.map((part) => (part === 'Wildcard' ? '.*' : literal(part.Literal))).join('');
  return new RegExp(`^${text}$`, 'su');
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function passed(edges: readonly number[], value: number): number {
  let count = 0;
  for (const edge of edges) if (edge <= value) count++;
  return count;
}

/** Which of the patterns the text matches; none where it is only asked whether there is one. */
function matching(patterns: readonly RegExp[], text: string): number[] {
  const found: number[] = [];
  for (const [at, pattern] of patterns.entries()) if (pattern.test(text)) found.push(at);
  return found;
}
