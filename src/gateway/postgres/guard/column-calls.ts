// Calls that are written as columns. PostgreSQL reads `x.f` and `(x).f` as f(x) where x has no column f (parse_func.c,
// ParseFuncOrColumn), so a parse tree shows a column where the server calls a function. Which of the two it is depends
// on the catalog: here is what the statement says, and the session knows which functions the target has
// (ColumnFunctions).

import { isNode, list, type Node, text } from './tree.ts';

export interface ColumnCall {
  name: string;
  /**
   * What a function of that name would get. `value`: an expression, or what a function in FROM gives; otherwise the row
   * of one of these relations, by name (none: the row of a query), or null where that is not known.
   */
  on: 'value' | { rowOf: readonly string[] } | null;
}

/** Functions of the target, beside PostgreSQL's own, that take one argument. */
export interface ColumnFunctions {
  /** The same for the same functions. */
  readonly key: string;
  /** Of values. */
  readonly value: ReadonlySet<string>;
  /**
   * Of rows: the relations by name, or ANY_ROW. Where the relation has a column of that name, the column is meant, and
   * the function is not among them.
   */
  readonly row: ReadonlyMap<string, ReadonlySet<string>>;
}

export const ANY_ROW = '*';

/** Whether this is a call on a target with those functions. */
export function isCall({ name, on }: ColumnCall, functions: ColumnFunctions): boolean {
  const rows = functions.row.get(name);
  if (on === 'value') return rows !== undefined || functions.value.has(name);
  if (rows === undefined) return false;
  return on === null || rows.has(ANY_ROW) || on.rowOf.some((relation) => rows.has(relation));
}

/** Rows that a statement names without a FROM. */
const ROWS_BY_THEMSELVES = ['excluded', 'old', 'new'];

/** Reads a tree's nodes, in any order. */
export class ColumnCalls {
  /** Last names behind a dot, with the one before. */
  readonly #dotted = new Map<string, { before: string; name: string }>();
  readonly #behindValues = new Set<string>();
  /** What a name in FROM stands for: relations by name; nothing for queries. */
  readonly #ranges = new Map<string, Set<string>>();
  readonly #functionRanges = new Set<string>();
  readonly #unknownRows = new Set(ROWS_BY_THEMSELVES);
  /** FROM holds a function whose name is not known here, so any name may be it. */
  #anyRange = false;

  meet(node: Node): void {
    if (Array.isArray(node.fields)) this.#column(node.fields);
    else if (Array.isArray(node.indirection) && node.arg !== undefined) this.#indirection(node.indirection);
    else if (Array.isArray(node.functions)) this.#function(node);
    else if (typeof node.relname === 'string') this.#range(aliasOf(node) ?? node.relname, node.relname);
    else if (node.subquery !== undefined) this.#range(aliasOf(node) ?? '', null);
    // RETURNING WITH (OLD AS o)
    else if (text(node.option).startsWith('RETURNING_OPTION_')) this.#unknownRows.add(text(node.value));
  }

  /** Each once. */
  result(): ColumnCall[] {
    const calls = [...this.#dotted.values()].map(
      ({ before, name }): ColumnCall => ({ name, on: this.#standsFor(before) }),
    );
    for (const name of this.#behindValues) calls.push({ name, on: 'value' });
    return [...new Map(calls.map((call) => [JSON.stringify(call), call])).values()];
  }

  #standsFor(name: string): ColumnCall['on'] {
    if (this.#anyRange || this.#functionRanges.has(name)) return 'value';
    const relations = this.#unknownRows.has(name) ? undefined : this.#ranges.get(name);
    return relations === undefined ? null : { rowOf: [...relations] };
  }

  #column(fields: Node[string][]): void {
    const [before, name] = fields.slice(-2).map(stringOf);
    if (typeof before !== 'string' || typeof name !== 'string') return;
    this.#dotted.set(JSON.stringify([before, name]), { before, name });
  }

  #indirection(parts: Node[string][]): void {
    for (const part of parts) {
      const name = stringOf(part);
      if (name !== null) this.#behindValues.add(name);
    }
  }

  #range(name: string, relation: string | null): void {
    const relations = this.#ranges.get(name) ?? new Set();
    this.#ranges.set(name, relation === null ? relations : relations.add(relation));
  }

  /** FROM f(…) AS x: x is the value itself where f gives one. Without AS it is called f; SQL's own have no such name. */
  #function(node: Node): void {
    const alias = aliasOf(node);
    if (alias !== null) {
      this.#functionRanges.add(alias);
      return;
    }
    for (const item of list(node.functions)) {
      const [call] = isNode(item) && isNode(item.List) ? list(item.List.items) : [];
      const names = isNode(call) && isNode(call.FuncCall) ? list(call.FuncCall.funcname) : [];
      const name = stringOf(names.at(-1));
      if (name === null) this.#anyRange = true;
      else this.#functionRanges.add(name);
    }
  }
}

function aliasOf(node: Node): string | null {
  return isNode(node.alias) ? text(node.alias.aliasname) : null;
}

function stringOf(tree: Node[string] | undefined): string | null {
  return isNode(tree) && isNode(tree.String) ? text(tree.String.sval) : null;
}
