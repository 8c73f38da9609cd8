// Which statements wait for a yes of their own, and which cannot be put to anybody: what would run more than once by one
// yes, or with data that nobody was shown. Kinds are libpg-query's names; whatever is not known to read only is a write.

import { type Analysis, MOST_USES } from './analyse.ts';
import type { Refusal } from './guard.ts';

/** About the session itself: no data is read or changed. */
const OF_THE_SESSION = kinds(
  'Transaction VariableSet VariableShow Discard Deallocate ClosePortal Fetch Listen Unlisten Notify ConstraintsSet Execute Prepare',
);
/** They read, as far as what they use says so (`COPY … TO`, SELECT without INTO). */
const READERS = kinds('Select Copy DeclareCursor Explain Lock');
const READING_VERBS: ReadonlySet<string> = new Set(['select', 'lock']);

export function needsApproval(analysis: Analysis, approve: ReadonlySet<string>): boolean {
  const touching = analysis.kinds.filter((kind) => !OF_THE_SESSION.has(kind));
  if (approve.has('all') && touching.length > 0) return true;
  const more = analysis.cut || analysis.uses.length >= MOST_USES;
  const writes =
    more ||
    touching.some((kind) => !READERS.has(kind)) ||
    analysis.uses.some((use) => !READING_VERBS.has(use.verb));
  if (approve.has('write') && writes) return true;
  return (
    (writes && more) ||
    touching.some((kind) => approve.has(kind.replace(/Stmt$/, '').toLowerCase())) ||
    analysis.uses.some((use) => approve.has(use.verb))
  );
}

/** `waits`: it needs a yes. For whoever sent it, or null. */
export function unapprovable(analysis: Analysis, waits: boolean): Refusal | null {
  if (analysis.kinds.includes('ExecuteStmt'))
    return refused('it runs what was prepared, and nobody would see what that is');
  if (!waits) return null;
  if (analysis.prepares.length > 0)
    return refused('what is prepared would run more than once by one approval');
  return analysis.kinds.includes('CopyStmt') && analysis.uses.some((use) => use.verb === 'insert')
    ? refused('its data comes after it, and nobody would see it')
    : null;
}

function refused(why: string): Refusal {
  return {
    sqlstate: '42501',
    text: `Sallyport refused this statement: ${why}.`,
    hint: 'Each statement needs approval here: send it as it is to run, with its values.',
  };
}

function kinds(list: string): ReadonlySet<string> {
  return new Set(list.split(' ').map((kind) => `${kind}Stmt`));
}
