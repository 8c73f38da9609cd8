// The guard: one verdict per statement text, found in a cache by shape or by text, parsed only when both miss.
// Analyses are shared by all sessions (they do not depend on the task); what a task allows is looked at last.

import type { Need, Use } from './analyse.ts';
import { createAside } from './aside.ts';
import { type Examined, examine, UNAVAILABLE } from './examine.ts';
import { createParser } from './parser.ts';
import { shapeOf } from './shape.ts';

export interface Refusal {
  sqlstate: string;
  text: string;
  hint?: string;
  position?: number;
}

export interface Verdict {
  /** null: passes. */
  refusal: Refusal | null;
  uses: readonly Use[];
  prepares: readonly string[];
  declares: readonly string[];
}

/** Says what becomes of a statement. `allow`: the names of guard rules that the task lifts. Never throws. */
export interface Guard {
  (text: string, allow: ReadonlySet<string>): Verdict;
  /** The verdict on a statement that is too large to be read at once; null: ask for it at once. Never rejects. */
  aside?: (text: string, allow: ReadonlySet<string>) => Promise<Verdict> | null;
}

interface Entry {
  passes: Verdict;
  needs: readonly Need[];
  fault: Refusal | null;
}

const LARGEST_CACHED_TEXT = 16_384;
// Beyond this a statement may take the parser more than some 20 ms.
const LARGEST_AT_ONCE = 32_768;
const CACHE_CHARACTERS = 8_000_000;
// An entry costs more than its key.
const ENTRY_OVERHEAD_CHARACTERS = 400;

/** Loads PostgreSQL's parser; the guard works from the moment that this resolves. */
export async function createGuard(): Promise<Guard> {
  const parser = createParser();
  await parser.ready;
  const byShape = new BoundedCache();
  const byText = new BoundedCache();

  function entryFor(text: string): Entry {
    const shape = shapeOf(text);
    const known = (shape === null ? undefined : byShape.get(shape)) ?? byText.get(text);
    if (known !== undefined) return known;
    const examined = examine(parser, text);
    const entry = entryOf(examined);
    if (shape !== null && examined.ok && !examined.analysis.literalsMatter) byShape.set(shape, entry);
    else if (text.length <= LARGEST_CACHED_TEXT && entry.fault?.sqlstate !== UNAVAILABLE)
      byText.set(text, entry);
    return entry;
  }

  const aside = createAside();
  const guard: Guard = (text, allow) => verdictOf(entryFor(text), allow);
  guard.aside = (text, allow) => {
    if (text.length <= LARGEST_AT_ONCE) return null;
    return aside.examine(text).then((examined) => verdictOf(entryOf(examined), allow));
  };
  return guard;
}

function verdictOf(entry: Entry, allow: ReadonlySet<string>): Verdict {
  if (entry.fault === null && entry.needs.length === 0) return entry.passes;
  const refusal = entry.fault ?? refusalFor(entry.needs, allow);
  return refusal === null ? entry.passes : { ...entry.passes, refusal };
}

function entryOf(examined: Examined): Entry {
  if (!examined.ok) return { passes: NOTHING, needs: [], fault: examined.fault };
  const { uses, prepares, declares, needs } = examined.analysis;
  return { passes: { refusal: null, uses, prepares, declares }, needs, fault: null };
}

const NOTHING: Verdict = { refusal: null, uses: [], prepares: [], declares: [] };

function refusalFor(needs: readonly Need[], allow: ReadonlySet<string>): Refusal | null {
  const missing = needs.find((need) => need.rule === null || !allow.has(need.rule));
  if (missing === undefined) return null;
  return {
    sqlstate: '42501',
    text: `Sallyport refused this statement: ${missing.what}.`,
    hint:
      missing.rule === null
        ? 'No task allows this.'
        : `A task that needs this allows "${missing.rule}" in its guard.`,
  };
}

/** Bounded by characters: two generations, where what is used again moves to the young one, and the old one goes. */
class BoundedCache {
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();
  #characters = 0;

  get(key: string): Entry | undefined {
    const entry = this.#young.get(key);
    if (entry !== undefined) return entry;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, entry: Entry): void {
    if (this.#characters > CACHE_CHARACTERS / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#characters = 0;
    }
    this.#young.set(key, entry);
    this.#characters += key.length + ENTRY_OVERHEAD_CHARACTERS;
  }
}
