// Cedar keeps parsed policies by name and never forgets a name (measured: about 7 MB for 1,000 policies under new
// names). So there is a fixed number of names, and what was used longest ago gives up its own.

import { type PolicyJson, preparsePolicySet } from '@cedar-policy/cedar-wasm/nodejs';

const MOST_SLOTS = 512;
/** Policies in all slots together, as a bound on memory; the newest set is kept whatever its size. */
const MOST_PARSED_POLICIES = 40_000;

interface Slot {
  name: string;
  size: number;
}

// In the order of use: the first is the one used longest ago.
const slots = new Map<string, Slot>();
const free: string[] = Array.from({ length: MOST_SLOTS }, (_, index) => `slot-${index}`).reverse();
let parsed = 0;

/** The slot that holds the set known as `key`; `make` is called only when it is not there. */
export function slotFor(key: string, make: () => Record<string, PolicyJson>): string {
  const known = slots.get(key);
  if (known !== undefined) {
    slots.delete(key);
    slots.set(key, known);
    return known.name;
  }
  const policies = make();
  const size = Object.keys(policies).length;
  while (free.length === 0 || (parsed + size > MOST_PARSED_POLICIES && slots.size > 0)) dropOldest();
  const name = free.pop();
  if (name === undefined) throw new Error('No slot for policies is left.');
  const answer = preparsePolicySet(name, { staticPolicies: policies });
  if (answer.type === 'failure') {
    free.push(name);
    throw new Error(`Cedar refused policies that it had accepted: ${answer.errors[0]?.message}`);
  }
  slots.set(key, { name, size });
  parsed += size;
  return name;
}

function dropOldest(): void {
  for (const [key, slot] of slots) {
    preparsePolicySet(slot.name, { staticPolicies: {} });
    slots.delete(key);
    free.push(slot.name);
    parsed -= slot.size;
    return;
  }
}

/** For tests of the bound. */
export function slotsInUse(): { slots: number; policies: number } {
  return { slots: slots.size, policies: parsed };
}
