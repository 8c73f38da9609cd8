// The guard: one verdict per statement text, found in a cache by shape or by text, parsed only when both miss.
// Analyses are shared by all sessions (they do not depend on the task); what a task allows is looked at last.

import { BEYOND } from '../../../sessions/recording-format.ts';
import type { ColumnUse } from '../mask/column-use.ts';
import { judgeMask } from '../mask/judge.ts';
import type { Analysis, Use } from './analyse.ts';
import { createAside } from './aside.ts';
import { type Examined, examine, UNAVAILABLE } from './examine.ts';
import { needsApproval, unapprovable } from './one-by-one.ts';
import { createParser } from './parser.ts';
import { shapeOf } from './shape.ts';
import { beyond, calledAsColumns, type Terms } from './terms.ts';

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
  /** It may give rows to the client. */
  givesRows: boolean;
  /** It waits for a yes of its own; null: not. */
  approval: { explainable: boolean } | null;
}

/** Says what becomes of a statement in a session of these terms. Never throws. */
export interface Guard {
  (text: string, terms: Terms): Verdict;
  /**
   * The verdict on a statement that is too large to be read at once, in turn with those of other grants; null: ask for it at
   * once. Never rejects.
   */
  aside?: (text: string, terms: Terms, grantId: string) => Promise<Verdict> | null;
}

interface Entry {
  fault: Refusal | null;
  /** Both null where there is a fault. */
  analysis: Analysis | null;
  columns: ColumnUse | null;
  /** What was said last: most entries are asked for by sessions of one task. */
  judgedBy: Terms | null;
  verdict: Verdict;
}

const NO_FUNCTIONS: ReadonlySet<string> = new Set();
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
  const guard: Guard = (text, terms) => verdictOf(entryFor(text), terms);
  guard.aside = (text, terms, grantId) => {
    if (text.length <= LARGEST_AT_ONCE) return null;
    return aside.examine(text, grantId).then((examined) => verdictOf(entryOf(examined), terms));
  };
  return guard;
}

function verdictOf(entry: Entry, terms: Terms): Verdict {
  const { analysis, columns } = entry;
  if (analysis !== null && columns !== null && entry.judgedBy !== terms) {
    entry.verdict = judge(analysis, columns, terms);
    entry.judgedBy = terms;
  }
  return entry.verdict;
}

function entryOf(examined: Examined): Entry {
  const verdict: Verdict = {
    refusal: null,
    uses: [],
    prepares: [],
    declares: [],
    givesRows: true,
    approval: null,
  };
  return examined.ok
    ? { fault: null, analysis: examined.analysis, columns: examined.columns, judgedBy: null, verdict }
    : {
        fault: examined.fault,
        analysis: null,
        columns: null,
        judgedBy: null,
        verdict: { ...verdict, refusal: examined.fault },
      };
}

/** Rules first: what they hold, no list lets through. */
function judge(analysis: Analysis, columns: ColumnUse, terms: Terms): Verdict {
  const { uses, prepares, declares, givesRows } = analysis;
  const waits = terms.approve !== null && needsApproval(analysis, terms.approve);
  const approval = waits ? { explainable: analysis.explainable } : null;
  const passes: Verdict = { refusal: null, uses, prepares, declares, givesRows, approval };
  const refusal =
    againstRules(analysis, terms) ?? (terms.approve === null ? null : unapprovable(analysis, waits));
  if (refusal !== null) return { ...passes, refusal };
  const { lists } = terms;
  const hidden =
    terms.mask === null
      ? null
      : judgeMask(
          analysis,
          columns,
          terms.mask,
          lists?.functions ?? NO_FUNCTIONS,
          calledAsColumns(analysis, terms.columnFunctions),
        );
  if (hidden !== null) return { ...passes, refusal: refused(hidden.what, hidden.hint) };
  const more = lists === null ? null : beyond(lists, terms, analysis);
  if (lists === null || more === null) return passes;
  // Counted like any other use, so that a receipt tells what the task would have to name.
  if (lists.warnOnly) return { ...passes, uses: [...uses, { verb: BEYOND, object: more }] };
  return {
    ...passes,
    refusal: refused(
      `task ${lists.task} does not ${more}`,
      `It may ${lists.may}. Ask for a task that may do this, or have this one widened.`,
    ),
  };
}

function againstRules({ needs, unbounded }: Analysis, terms: Terms): Refusal | null {
  const missing = needs.find((need) => need.rule === null || !terms.allow.has(need.rule));
  if (missing !== undefined) {
    const lifted = `A task that needs this allows "${missing.rule}" in its guard.`;
    return refused(missing.what, missing.rule === null ? 'No task allows this.' : lifted);
  }
  const [whole] = unbounded;
  if (whole === undefined || !terms.requireWhere) return null;
  return refused(`it would ${whole} as a whole`, 'This task wants a WHERE that names the rows.');
}

function refused(what: string, hint: string): Refusal {
  return { sqlstate: '42501', text: `Sallyport refused this statement: ${what}.`, hint };
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
