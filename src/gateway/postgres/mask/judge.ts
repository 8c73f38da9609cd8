// Whether a statement may run where columns are masked. A masked column may come out as it is, where its value is
// replaced; whatever could compute from it, compare it, write it elsewhere or show it in another form is refused, with
// a hint. Statements that touch no table with masked columns are as free as ever.

import { type Analysis, type Call, type Touch, words } from '../guard/analyse.ts';
import { takesRows } from '../guard/built-in-functions.ts';
import { isBuiltInCall, isCatalog, isNamedCall } from '../guard/catalog-names.ts';
import { asTargetFolds, DATA_STATEMENTS } from '../guard/rules.ts';
import type { ColumnUse } from './column-use.ts';

/** What is masked on a target, as its catalog was when the session began. Tables by `schema.name` and by `.name`. */
export interface MaskedRelations {
  columns: ReadonlyMap<string, ReadonlySet<string>>;
  /** Views and the like that read such tables: what they show is not resolved. */
  views: ReadonlySet<string>;
  /** All relations that the target had when the session began. */
  known: ReadonlySet<string>;
  /** Names of all columns that the target's own relations have. */
  columnNames: ReadonlySet<string>;
}

/** Why a statement is refused, and what would pass. */
export interface MaskRefusal {
  what: string;
  hint: string;
}

const VERBS: ReadonlySet<string> = new Set(['select', 'insert', 'update', 'delete', 'truncate', 'lock']);
/** Rules of the guard behind which anything may read anything, also where a task lifts them. */
const BLIND_RULES: ReadonlySet<string> = new Set([
  'dynamic-sql',
  'do',
  'functions',
  'remote',
  'server-files',
  'set-role',
]);
/** Samples of columns' values, kept by the server. */
const SAMPLES = /^pg_(stats|statistic)/;

/**
 * null: it may run. `functions`: what the task itself lets be called; it vouches for what they show. `asColumns`: what is
 * called in the form of a column.
 */
export function judgeMask(
  analysis: Analysis,
  use: ColumnUse,
  masked: MaskedRelations,
  functions: ReadonlySet<string>,
  asColumns: readonly Call[] = [],
): MaskRefusal | null {
  if (analysis.cut)
    return refuse('it names more tables and functions than can be held against a mask', 'Split it.');
  const blind = analysis.needs.find((need) => need.rule !== null && BLIND_RULES.has(need.rule));
  if (blind !== undefined)
    return refuse(blind.what, 'Nothing that could read masked columns unseen runs here.');
  const indirect = readsIndirectly(analysis);
  if (indirect !== null) return indirect;
  const sample = analysis.touches.find((touch) => SAMPLES.test(touch.name));
  if (sample !== undefined) return refuse(`${sample.name} shows values of masked columns`, 'Leave it out.');
  const view = analysis.touches.find((touch) => masked.views.has(keyOf(touch)));
  if (view !== undefined)
    return refuse(
      `the view ${view.name} reads masked columns`,
      'Read the tables themselves; masked columns come out as tokens.',
    );
  const later = analysis.touches.find(
    (touch) => !touch.verb.startsWith('create-') && !isCatalog(touch) && !masked.known.has(keyOf(touch)),
  );
  if (later !== undefined)
    return refuse(
      `${later.name} was not there when this session began`,
      'If it is there now, connect again.',
    );
  const strange =
    analysis.calls.find((call) => !isBuiltInCall(call) && !isNamedCall(functions, call)) ??
    asColumns.find((call) => !isNamedCall(functions, call));
  if (strange !== undefined)
    return refuse(
      `the function ${strange.name}() may read masked columns`,
      'A task that needs it names it among its functions.',
    );
  const touched = analysis.touches.filter((touch) => masked.columns.has(keyOf(touch)));
  if (touched.length === 0) return null;
  // Who changes structure could give a masked column another name, or another table its rows.
  const kind = analysis.kinds.find((one) => !DATA_STATEMENTS.has(one));
  if (kind !== undefined)
    return refuse(
      `${words(kind)} on tables that have masked columns`,
      'Only statements about rows touch them here.',
    );
  return judgeTouched(touched, use, masked);
}

/** What an earlier statement may read is read by another name, and comes out where no column is named. */
function readsIndirectly({ calls, kinds }: Analysis): MaskRefusal | null {
  if (calls.some((call) => call.name === 'cursor_to_xml'))
    return refuse('cursor_to_xml() shows what a cursor reads', 'FETCH from the cursor.');
  if (kinds.includes('CreateTableAsStmt') && kinds.includes('ExecuteStmt'))
    return refuse('it would keep what a prepared statement reads', 'Write the statement itself behind AS.');
  return null;
}

function judgeTouched(touched: Touch[], use: ColumnUse, masked: MaskedRelations): MaskRefusal | null {
  const odd = touched.find((touch) => !VERBS.has(touch.verb));
  if (odd !== undefined)
    return refuse(
      `${odd.verb} on ${odd.name}, which has masked columns`,
      'Only plain statements touch it here.',
    );
  const [opaque] = use.opaque;
  if (opaque !== undefined)
    return refuse(
      `${opaque} may hold masked columns`,
      'Name the columns, each as it is, without the masked ones.',
    );
  const names = maskedNames(touched, use, masked);
  const computed = [...names].find((name) => use.computed.has(name));
  if (computed !== undefined)
    return refuse(
      `the column ${computed} is masked and may only be read as it is`,
      'Take it out of conditions, expressions, sorting and joins.',
    );
  const called = [...use.dotted].find(
    (name) => takesRows(asTargetFolds(name)) || (!masked.columnNames.has(name) && !use.made.has(name)),
  );
  if (called !== undefined)
    return refuse(
      `${called} behind a name may be no column, and as a function it would see whole rows`,
      'Give it another name with AS, or name the column alone.',
    );
  if (use.byPosition && (use.output.has('*') || [...names].some((name) => use.output.has(name))))
    return refuse(
      'sorting or grouping by position may sort by a masked column',
      'Sort by the name of another column.',
    );
  return null;
}

/** The masked columns that a statement may name, by all names that it has for them. */
function maskedNames(touched: Touch[], use: ColumnUse, masked: MaskedRelations): Set<string> {
  const names = new Set(touched.flatMap((touch) => [...(masked.columns.get(keyOf(touch)) ?? [])]));
  // Statements are read as UTF-8: in another encoding of the client, or where the target folds letters beyond ASCII,
  // such a column has a name here that none has there.
  const loose = new Set([...names].map(loosely));
  for (const name of new Set([...use.computed, ...use.output, ...use.renamed.map(([was]) => was)]))
    if (BEYOND_ASCII.test(name) && !masked.columnNames.has(name) && loose.has(loosely(name))) names.add(name);
  spread(names, use.renamed);
  return names;
}

/** A column under another name is the same column. */
function spread(names: Set<string>, renamed: ColumnUse['renamed']): void {
  for (let grown = true; grown; ) {
    grown = false;
    for (const [was, is] of renamed) {
      if (!names.has(was) || names.has(is)) continue;
      names.add(is);
      grown = true;
    }
  }
}

const BEYOND_ASCII = /[^\0-\x7f]/;

/** The same for all that a target may take for the same name. */
function loosely(name: string): string {
  return asTargetFolds(name).replaceAll(/i+/g, 'i');
}

function refuse(what: string, hint: string): MaskRefusal {
  return { what, hint };
}

function keyOf({ schema, name }: Touch): string {
  return `${schema ?? ''}.${name}`;
}
