// Where a statement's columns go, read from its parse tree once and for every mask: which come out as they are (a plain
// item of a query's list, all the way up), and which are computed with, compared, sorted by, copied or written
// elsewhere. Only of the former does the server's RowDescription still name table and column, so only there can a value
// be replaced; judge.ts refuses the rest where it meets a masked column. Names decide, not resolved columns: what could
// be a masked column counts as one. The walk is without recursion, for a tree can be as deep as its author likes.

import type { Tree } from '../guard/parser.ts';
import { isNode, list, type Node, text } from '../guard/tree.ts';

export interface ColumnUse {
  /** Last names of columns that are used for anything but plain output; a whole row's name is among them. */
  computed: ReadonlySet<string>;
  /** Columns that a query gives another name, as pairs: what they were, what they are then called. */
  renamed: readonly (readonly [string, string])[];
  /** Plain output, by last name; a star is `*`. */
  output: ReadonlySet<string>;
  /**
   * Last names behind a dot (`c.email`): where no column has that name, PostgreSQL calls a function of that name on the
   * whole row, so these must be names of columns, or of what the statement itself names.
   */
  dotted: ReadonlySet<string>;
  made: ReadonlySet<string>;
  /** What defeats reading columns by name; empty for most statements. In words: `a NATURAL join`. */
  opaque: readonly string[];
  /** Sorted or grouped by position: harmless unless a masked column comes out. */
  byPosition: boolean;
}

/** `query`: its list comes out; `from`: tables of such a query; `shut`: whatever is in it is computed with. */
type Place = 'query' | 'from' | 'shut';

const MOST_NAMES = 1_000;
/** Statements whose one query is what comes out. */
const CARRIERS: Readonly<Record<string, string>> = {
  DeclareCursorStmt: 'query',
  PrepareStmt: 'query',
  ExplainStmt: 'query',
};
const WRITES: ReadonlySet<string> = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt']);
/** What a query's own part may hold that is no expression. */
const NO_EXPRESSIONS: ReadonlySet<string> = new Set([
  'lockingClause',
  'targetList',
  'fromClause',
  'withClause',
]);

/** `statements` as the parser gives them. Pure. */
export function columnUse(statements: Tree[]): ColumnUse {
  const walk = new Walk();
  walk.run(statements);
  return walk.result();
}

class Walk {
  readonly #computed = new Set<string>();
  readonly #renamed: [string, string][] = [];
  readonly #output = new Set<string>();
  readonly #opaque = new Set<string>();
  readonly #dotted = new Set<string>();
  readonly #made = new Set<string>();
  /** Names of tables and queries, and single names that may be one of them: then they are whole rows. */
  readonly #ranges = new Set<string>();
  readonly #bare = new Set<string>();
  readonly #stack: [Tree, Place][] = [];
  #byPosition = false;

  run(statements: Tree[]): void {
    for (const statement of statements) this.#push(statement, 'query');
    for (let next = this.#stack.pop(); next !== undefined; next = this.#stack.pop()) {
      const [tree, place] = next;
      if (Array.isArray(tree)) for (const item of tree) this.#stack.push([item, place]);
      else if (isNode(tree)) this.#visit(tree, place);
    }
  }

  result(): ColumnUse {
    const names = this.#computed.size + this.#output.size + this.#made.size + this.#dotted.size;
    if (names > MOST_NAMES) this.#opaque.add(`more than ${MOST_NAMES} columns`);
    for (const name of this.#bare) if (this.#ranges.has(name)) this.#opaque.add(`${name} as a whole row`);
    return {
      computed: this.#computed,
      renamed: this.#renamed,
      output: this.#output,
      dotted: this.#dotted,
      made: this.#made,
      opaque: [...this.#opaque],
      byPosition: this.#byPosition,
    };
  }

  #push(tree: Tree | undefined, place: Place): void {
    if (typeof tree === 'object' && tree !== null) this.#stack.push([tree, place]);
  }

  /** A node here is either a wrapper (`{SelectStmt: {…}}`) or the fields of one that its parent did not wrap. */
  #visit(node: Node, place: Place): void {
    for (const kind in node) {
      const inner = node[kind];
      if (!isNode(inner) || !isKind(kind)) this.#field(kind, inner, place);
      else if (kind === 'SelectStmt') this.#select(inner, place);
      else if (WRITES.has(kind)) this.#write(inner, place);
      else if (kind === 'CopyStmt') this.#copy(inner);
      else if (kind === 'ColumnRef') this.#use(inner);
      else if (kind === 'A_Indirection') this.#indirection(inner);
      else if (kind === 'RangeVar') this.#range(inner, text(inner.relname));
      else if (kind === 'RangeSubselect') this.#subselect(inner, place);
      else if (kind === 'JoinExpr') this.#join(inner, place);
      else if (kind === 'IndexElem') this.#indexElement(inner);
      else if (kind === 'FuncCall') this.#call(inner);
      else if (kind in CARRIERS && place === 'query') this.#push(inner[CARRIERS[kind] ?? ''], 'query');
      else if (kind === 'RawStmt') this.#push(inner.stmt, 'query');
      else this.#fields(inner);
    }
  }

  /** An unwrapped field: a list, or the relation of a statement. */
  #field(key: string, tree: Tree | undefined, place: Place): void {
    if (isNode(tree) && typeof tree.relname === 'string') this.#range(tree, tree.relname);
    else if (key !== 'lockedRels') this.#push(tree, place === 'query' ? 'shut' : place);
  }

  #fields(node: Node, except: ReadonlySet<string> = NOTHING): void {
    for (const key in node) if (!except.has(key)) this.#field(key, node[key], 'shut');
  }

  #select(node: Node, place: Place): void {
    if (place === 'shut' || node.op !== 'SETOP_NONE' || node.intoClause !== undefined) {
      this.#fields(node);
      return;
    }
    this.#outputs(node.targetList);
    this.#push(node.fromClause, 'from');
    this.#with(node.withClause);
    this.#positions(node.sortClause, node.groupClause, node.distinctClause);
    this.#fields(node, NO_EXPRESSIONS);
  }

  #write(node: Node, place: Place): void {
    const clause = isNode(node.returningClause) ? node.returningClause : {};
    const returning = clause.exprs ?? node.returningList;
    if (returning !== undefined) this.#changedRows(list(clause.options));
    if (place === 'query') this.#outputs(returning);
    else this.#push(returning, 'shut');
    this.#push(node.fromClause, 'from');
    this.#push(node.usingClause, 'from');
    if (place === 'query') this.#with(node.withClause);
    else this.#push(node.withClause, 'shut');
    this.#fields(node, WRITTEN_ELSEWHERE);
  }

  /** RETURNING knows the rows before and after, by these names or others that it gives them. */
  #changedRows(options: Tree[]): void {
    for (const name of ['old', 'new']) this.#ranges.add(name);
    for (const item of options)
      if (isNode(item) && isNode(item.ReturningOption)) this.#ranges.add(text(item.ReturningOption.value));
  }

  #with(tree: Tree | undefined): void {
    for (const item of isNode(tree) ? list(tree.ctes) : []) {
      const table = isNode(item) && isNode(item.CommonTableExpr) ? item.CommonTableExpr : {};
      this.#ranges.add(text(table.ctename));
      if (list(table.aliascolnames).length > 0) this.#opaque.add('a WITH that renames columns');
      if (table.search_clause !== undefined || table.cycle_clause !== undefined)
        this.#opaque.add('SEARCH or CYCLE');
      this.#push(table.ctequery, 'query');
    }
  }

  #outputs(targets: Tree | undefined): void {
    for (const item of list(targets)) {
      const target = isNode(item) && isNode(item.ResTarget) ? item.ResTarget : {};
      const called = text(target.name);
      if (called !== '') this.#made.add(called);
      const value = isNode(target.val) && isNode(target.val.ColumnRef) ? target.val.ColumnRef : null;
      if (value === null) {
        this.#push(target.val, 'shut');
        continue;
      }
      const fields = list(value.fields);
      const name = nameOf(fields.at(-1));
      this.#output.add(name ?? '*');
      if (name === null) continue;
      this.#named(name, fields.length);
      if (called !== '' && called !== name) this.#renamed.push([name, called]);
    }
  }

  #use(column: Node): void {
    const fields = list(column.fields);
    const name = nameOf(fields.at(-1));
    if (name === null) {
      this.#opaque.add('a star inside an expression, a set operation or a copy');
      return;
    }
    this.#computed.add(name);
    this.#named(name, fields.length);
  }

  #named(name: string, fields: number): void {
    (fields === 1 ? this.#bare : this.#dotted).add(name);
  }

  /** An item of a list without a name of its own is called like its function. */
  #call(node: Node): void {
    const name = nameOf(list(node.funcname).at(-1));
    if (name !== null) this.#made.add(name);
    this.#fields(node);
  }

  #indirection(node: Node): void {
    for (const part of list(node.indirection)) {
      const name = nameOf(part);
      if (name !== null) this.#computed.add(name);
      else if (isNode(part) && part.A_Star !== undefined) this.#opaque.add('the fields of a whole row');
    }
    this.#fields(node);
  }

  #range(node: Node, name: string): void {
    const alias = isNode(node.alias) ? node.alias : {};
    this.#ranges.add(text(alias.aliasname) || name);
    if (list(alias.colnames).length > 0) this.#opaque.add('an alias that renames columns');
  }

  #subselect(node: Node, place: Place): void {
    this.#range(node, '');
    this.#push(node.subquery, place === 'from' ? 'query' : 'shut');
  }

  #join(node: Node, place: Place): void {
    if (node.isNatural === true) this.#opaque.add('a NATURAL join');
    for (const item of list(node.usingClause)) {
      const name = nameOf(item);
      if (name !== null) this.#computed.add(name);
    }
    this.#range(node, '');
    this.#push(node.larg, place);
    this.#push(node.rarg, place);
    this.#push(node.quals, 'shut');
  }

  #indexElement(node: Node): void {
    if (typeof node.name === 'string') this.#computed.add(node.name);
    this.#fields(node);
  }

  /** COPY gives no description of what comes out. */
  #copy(node: Node): void {
    this.#push(node.query, 'shut');
    this.#push(node.whereClause, 'shut');
    if (node.is_from === true || !isNode(node.relation)) return;
    this.#range(node.relation, text(node.relation.relname));
    const columns = list(node.attlist);
    if (columns.length === 0) this.#opaque.add('COPY of a whole table');
    for (const item of columns) this.#computed.add(nameOf(item) ?? '');
  }

  #positions(...clauses: (Tree | undefined)[]): void {
    const stack = clauses.flatMap(list);
    for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
      const node = isNode(item) && isNode(item.SortBy) ? item.SortBy.node : item;
      if (!isNode(node)) continue;
      if (isNode(node.A_Const)) this.#byPosition = true;
      // GROUP BY ROLLUP (1), and GROUP BY (1, 2).
      for (const inner of [node.GroupingSet, node.RowExpr])
        if (isNode(inner)) for (const one of list(inner.content ?? inner.args)) stack.push(one);
    }
  }
}

const NOTHING: ReadonlySet<string> = new Set();
const WRITTEN_ELSEWHERE: ReadonlySet<string> = new Set([
  'fromClause',
  'usingClause',
  'withClause',
  'returningList',
  'returningClause',
]);

/** Kinds of nodes begin with a capital; fields do not. */
function isKind(key: string): boolean {
  const code = key.charCodeAt(0);
  return code >= 0x41 && code <= 0x5a;
}

/** Of a String node; null for anything else (a star). */
function nameOf(tree: Tree | undefined): string | null {
  return isNode(tree) && isNode(tree.String) ? text(tree.String.sval) : null;
}
