// Cedar keeps parsed policies by name and never forgets a name (measured: about 7 MB for 1,000 policies under new
// names). So there is a fixed number of names, and what was used longest ago gives up its own. What is kept is known
// by what it says: a new set of policies finds whatever did not change parsed already.

import { createHash } from 'node:crypto';
import { preparsePolicySet, type StaticPolicySet } from '@cedar-policy/cedar-wasm/nodejs';
import type { Memory } from './memory.ts';

/** About 3 kB each, parsed: some 130 MB at the most. */
const MOST_PARSED_POLICIES = 40_000;
const MOST_SLOTS = 4_096;

interface Slot {
  name: string;
  size: number;
}

export interface SlotLimits {
  /** Names in use at once. */
  slots: number;
  /** Policies in all slots together, as a bound on memory; the newest set is kept whatever its size. */
  policies: number;
}

export class SlotTable {
  // In the order of use: the first is the one used longest ago.
  readonly #slots = new Map<string, Slot>();
  readonly #free: string[];
  readonly #limits: SlotLimits;
  #parsed = 0;

  /** `prefix`: of the names, which are the process's; no two tables share one. */
  constructor(prefix: string, limits: SlotLimits) {
    this.#limits = limits;
    this.#free = Array.from({ length: limits.slots }, (_, index) => `${prefix}-${index}`).reverse();
  }

  /** The slot that holds the set known as `key`; `make` is called only when it is not there. */
  slotFor(key: string, size: number, make: () => StaticPolicySet): string {
    const known = this.#slots.get(key);
    if (known !== undefined) {
      this.#slots.delete(key);
      this.#slots.set(key, known);
      return known.name;
    }
    const { policies } = this.#limits;
    while (this.#free.length === 0 || (this.#parsed + size > policies && this.#slots.size > 0))
      this.#dropOldest();
    const name = this.#free.pop();
    if (name === undefined) throw new Error('No slot for policies is left.');
    const answer = preparsePolicySet(name, { staticPolicies: make() });
    if (answer.type === 'failure') {
      this.#free.push(name);
      throw new Error(`Cedar refused policies that it had accepted: ${answer.errors[0]?.message}`);
    }
    this.#slots.set(key, { name, size });
    this.#parsed += size;
    return name;
  }

  #dropOldest(): void {
    for (const [key, slot] of this.#slots) {
      preparsePolicySet(slot.name, { staticPolicies: {} });
      this.#slots.delete(key);
      this.#free.push(slot.name);
      this.#parsed -= slot.size;
      return;
    }
  }

  inUse(): { slots: number; policies: number } {
    return { slots: this.#slots.size, policies: this.#parsed };
  }
}

/** Of this thread: Cedar has its own in each. */
export const SLOTS = new SlotTable('slot', { slots: MOST_SLOTS, policies: MOST_PARSED_POLICIES });

/** Where the questions of a set go: to policies that are parsed there, past answers that are kept. */
export interface Asking {
  slots: SlotTable;
  memory: Memory | null;
}

/** What a set is known by: the same text is the same set. */
export function slotKeyOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
