// What sessions of one task may do, compiled once for all of them: the guard's rules that it lifts, and the lists of
// what it touches and calls. The lists are the task's own entitlement, so they stop what the target would let through
// for everybody (a function that PUBLIC may execute, a table that PUBLIC may read), and say it in the task's words.
// A name without a schema is found by the target's search path, which is not known here: it passes when the task
// names a relation of that name in any schema; which one it is stays for the rights on the target to judge.

import type { SessionTicket } from '../../../grants/session-ticket.ts';
import type { MaskedRelations } from '../mask/judge.ts';
import { type Analysis, type Call, type Touch, words } from './analyse.ts';
import { isBuiltInCall, isCatalog, isNamedCall } from './catalog-names.ts';
import { type ColumnFunctions, isCall } from './column-calls.ts';
import { DATA_STATEMENTS, STATEMENT_RULES } from './rules.ts';

export interface Terms {
  readonly allow: ReadonlySet<string>;
  readonly requireWhere: boolean;
  readonly lists: Lists | null;
  /** null: nothing is masked. */
  readonly mask: MaskedRelations | null;
  /** Kinds of statements that wait for a yes of their own; null: none. */
  readonly approve: ReadonlySet<string> | null;
  /** Of the target as it was when the session began; null: nothing asks for them. */
  readonly columnFunctions: ColumnFunctions | null;
}

export interface Lists {
  readonly warnOnly: boolean;
  readonly task: string;
  /** In words, for whoever is refused. */
  readonly may: string;
  /** By `schema.name` and by `.name`: the verbs. */
  readonly relations: ReadonlyMap<string, ReadonlySet<string>>;
  readonly functions: ReadonlySet<string>;
}

const MOST_KEPT = 1_000;
const MOST_SAID = 6;
const LONGEST_NAME_SAID = 130;

const kept = new Map<string, Terms>();

/** The same object for the same terms, so that verdicts can be kept by it. */
export function termsOf(
  given: SessionTicket['guard'],
  task: string,
  approve: SessionTicket['approveStatements'] = null,
  columnFunctions: ColumnFunctions | null = null,
): Terms {
  const key = JSON.stringify([task, given, approve, columnFunctions?.key]);
  const known = kept.get(key);
  if (known !== undefined) return known;
  const terms: Terms = {
    allow: new Set(given.allow),
    requireWhere: given.requireWhere,
    lists: given.lists === null ? null : compile(given.lists, task),
    mask: null,
    approve: approve === null ? null : new Set(approve),
    columnFunctions,
  };
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(key, terms);
  return terms;
}

/** The terms of one session that masks: its own, since what is masked is the target's at that time. */
export function maskedTerms(terms: Terms, mask: MaskedRelations): Terms {
  return { ...terms, mask };
}

function compile(given: NonNullable<SessionTicket['guard']['lists']>, task: string): Lists {
  const relations = new Map<string, Set<string>>();
  for (const { verb, object } of given.relations) {
    for (const key of [object, `.${nameIn(object)}`]) {
      const verbs = relations.get(key) ?? new Set();
      relations.set(key, verbs.add(verb));
    }
  }
  const functions = new Set(given.functions.flatMap((called) => [called, `.${nameIn(called)}`]));
  const said = [...new Set(given.relations.map(({ verb, object }) => `${verb} ${object}`))];
  const more = said.length > MOST_SAID ? ` and ${said.length - MOST_SAID} more` : '';
  return {
    warnOnly: given.mode === 'warn',
    task,
    may: said.length === 0 ? 'touch no table' : `${said.slice(0, MOST_SAID).join(', ')}${more}`,
    relations,
    functions,
  };
}

/** What a statement would do that is not on the lists, in words; null when all of it is. */
export function beyond(lists: Lists, terms: Terms, analysis: Analysis): string | null {
  const { allow, columnFunctions: functions } = terms;
  if (analysis.cut) return 'name more tables and functions than can be held against its lists';
  const kind = analysis.kinds.find((one) => !isListed(one, allow));
  if (kind !== undefined) return `run ${words(kind)} statements`;
  const touch = analysis.touches.find((one) => !mayTouch(lists, one));
  if (touch !== undefined) return `${touch.verb} ${said(touch)}`;
  const call =
    analysis.calls.find((one) => !isBuiltInCall(one) && !isNamedCall(lists.functions, one)) ??
    calledAsColumns(analysis, functions).find((one) => !isNamedCall(lists.functions, one));
  return call === undefined ? null : `call ${said(call)}()`;
}

/** What the statement calls, or may call, in the form of a column. */
export function calledAsColumns({ columnCalls }: Analysis, functions: ColumnFunctions | null): Call[] {
  if (functions === null) return [];
  const calls = columnCalls.filter((one) => isCall(one, functions));
  return calls.map(({ name }) => ({ schema: null, name }));
}

/** A statement that a rule covers was judged by that rule already. */
function isListed(kind: string, allow: ReadonlySet<string>): boolean {
  const rule = STATEMENT_RULES.get(kind) ?? null;
  return DATA_STATEMENTS.has(kind) || (rule !== null && allow.has(rule));
}

function mayTouch(lists: Lists, touch: Touch): boolean {
  if (touch.verb === 'select' && isCatalog(touch)) return true;
  const verbs = lists.relations.get(`${touch.schema ?? ''}.${touch.name}`);
  if (verbs === undefined) return false;
  if (touch.verb === 'lock') return true;
  if (touch.verb === 'merge') return ['insert', 'update', 'delete'].some((verb) => verbs.has(verb));
  return verbs.has(touch.verb);
}

function said({ schema, name }: Touch | Call): string {
  return (schema === null ? name : `${schema}.${name}`).slice(0, LONGEST_NAME_SAID);
}

function nameIn(qualified: string): string {
  return qualified.slice(qualified.indexOf('.') + 1);
}
