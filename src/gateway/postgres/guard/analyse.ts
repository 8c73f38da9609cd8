// Reads a parse tree once: what the statement needs leave for, what it uses (verb × object), and whether any of that
// looked at the value of a constant. The walk is over the whole tree, without recursion, because a DELETE can hide in
// a SELECT, a function call anywhere, and a tree can be as deep as its author likes.

import { isSafeEncoding } from '../startup-parameters.ts';
import { mergeActions, wholeChanges } from './changes.ts';
import { type ColumnCall, ColumnCalls } from './column-calls.ts';
import type { Tree } from './parser.ts';
import { pinnedSetting } from './pinned-setting.ts';
import {
  asTargetFolds,
  functionRule,
  GUARD_RULES,
  type GuardRule,
  NOT_STATEMENTS,
  SHAPED_STATEMENTS,
  STATEMENT_RULES,
} from './rules.ts';
import { isNode, list, type Node, text } from './tree.ts';
import { gives, openWith, type Scope } from './with-scope.ts';

/** One thing that a statement does to one object. Verbs are SQL's privileges where there is one (`select`). */
export interface Use {
  verb: string;
  /** As the statement writes it: `orders`, `public.orders`. */
  object: string;
}

export interface Need {
  /** null: no task can lift it. */
  rule: GuardRule | null;
  /** What the statement would do, in words: `it changes roles, …`. */
  what: string;
}

/** A relation as the statement names it; names that its own WITH gives are not among them. */
export interface Touch {
  verb: string;
  /** null: found by the search path. */
  schema: string | null;
  name: string;
}

export interface Call {
  schema: string | null;
  name: string;
}

export interface Analysis {
  needs: Need[];
  uses: Use[];
  /** What a task's lists are held against (lists.ts); each once. */
  touches: Touch[];
  calls: Call[];
  /** Columns that are calls where the target has such a function and no such column; each once. */
  columnCalls: ColumnCall[];
  /** Statement kinds by libpg-query's node name, each once. */
  kinds: string[];
  /** UPDATE and DELETE that name no rows: `update orders`. */
  unbounded: string[];
  /** Its own statements may give rows to the client: SELECT, RETURNING, FETCH, COPY … TO STDOUT and the like. */
  givesRows: boolean;
  /** One plain statement that EXPLAIN plans. */
  explainable: boolean;
  /** It touches or calls more than is kept: the lists cannot vouch for it. */
  cut: boolean;
  /** Names that the statement makes for later use in the protocol: PREPARE and DECLARE share them. */
  prepares: string[];
  declares: string[];
  /** False: every text of the same shape has the same analysis. */
  literalsMatter: boolean;
}

/** Uses of one text that are kept. */
export const MOST_USES = 50;
/** Relations and functions that one text may name where lists are held against it. */
const MOST_TOUCHED = 500;

/** `statements` as the parser gives them. Pure. */
export function analyse(statements: Tree[]): Analysis {
  const walk = new Walk();
  walk.run(statements);
  const [only, ...more] = statements;
  return {
    ...walk.result(),
    givesRows: statements.some(givesRows),
    explainable: more.length === 0 && isNode(only) && Object.keys(only).every((kind) => EXPLAINED.has(kind)),
  };
}

class Walk {
  readonly #needs: Need[] = [];
  readonly #uses = new Map<string, Use>();
  readonly #prepares: string[] = [];
  readonly #declares: string[] = [];
  readonly #touches = new Map<string, Touch>();
  readonly #calls = new Map<string, Call>();
  readonly #columnCalls = new ColumnCalls();
  readonly #kinds = new Set<string>();
  readonly #unbounded: string[] = [];
  #cut = false;
  /** Relations that a statement node has claimed with a verb of its own. */
  readonly #claimed = new Set<Node>();
  readonly #read: Node[] = [];
  /** Calls of set_config() whose first argument is a column that can have this value only. */
  readonly #pinned = new Map<Node, string>();
  #literalsMatter = false;
  #makesView = false;

  run(statements: Tree[]): void {
    const stack: [Tree, Scope | null][] = statements.toReversed().map((statement) => [statement, null]);
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const [node, scope] = next;
      if (Array.isArray(node)) for (const item of node) stack.push([item, scope]);
      else if (isNode(node)) {
        this.#meet(node, scope);
        const within = isNode(node.withClause) ? openWith(node.withClause, scope, stack) : scope;
        for (const key in node) {
          const child = node[key];
          // `FOR UPDATE OF o` names an alias; what a WITH holds is on the stack already.
          if (typeof child !== 'object' || child === null || key === 'lockedRels' || key === 'withClause')
            continue;
          if (isStatementKey(key) && isNode(child)) this.#statement(key, child);
          stack.push([child, within]);
        }
      }
    }
  }

  result(): Omit<Analysis, 'givesRows' | 'explainable'> {
    for (const relation of this.#read) {
      if (!this.#claimed.has(relation)) this.#use('select', relation);
      if (this.#makesView && isSettingsView(relation))
        this.#need('set-role', 'it makes a view of pg_settings');
    }
    const columnCalls = this.#columnCalls.result();
    for (const { name, on } of columnCalls) if (on === 'value') this.#rule(name, [name], 1);
    return {
      needs: this.#needs,
      uses: [...this.#uses.values()],
      touches: [...this.#touches.values()],
      calls: [...this.#calls.values()],
      columnCalls: columnCalls.slice(0, MOST_TOUCHED),
      kinds: [...this.#kinds],
      unbounded: this.#unbounded,
      cut: this.#cut || columnCalls.length > MOST_TOUCHED,
      prepares: this.#prepares,
      declares: this.#declares,
      literalsMatter: this.#literalsMatter,
    };
  }

  #meet(node: Node, scope: Scope | null): void {
    if (typeof node.relname === 'string' && !(node.schemaname === undefined && gives(scope, node.relname)))
      this.#read.push(node);
    if (Array.isArray(node.funcname)) this.#call(names(node.funcname), list(node.args), node);
    this.#columnCalls.meet(node);
    if (node.subtype === 'AT_ChangeOwner') this.#need('privileges', 'it changes an owner');
  }

  #statement(kind: string, node: Node): void {
    if (NOT_STATEMENTS.has(kind)) return;
    this.#kinds.add(kind);
    const rule = STATEMENT_RULES.get(kind);
    if (rule === undefined) this.#need(null, `${words(kind)} is not a statement that is known here`);
    else if (rule !== null) this.#need(rule, `${words(kind)} concerns ${GUARD_RULES[rule]}`);
    if (!SHAPED_STATEMENTS.has(kind)) this.#literalsMatter = true;
    this.#claim(kind, node);
    const pinned = kind === 'SelectStmt' ? pinnedSetting(node) : null;
    if (pinned !== null) this.#pinned.set(pinned.call, pinned.setting);
    const check = CHECKS[kind];
    for (const change of wholeChanges(kind, node))
      this.#unbounded.push(`${change} ${isNode(node.relation) ? text(node.relation.relname) : ''}`);
    if (check !== undefined) for (const need of check(node)) this.#needs.push(need);
    if (kind === 'PrepareStmt') this.#prepares.push(text(node.name));
    if (kind === 'DeclareCursorStmt') this.#declares.push(text(node.portalname));
    if (kind === 'ViewStmt' || kind === 'RuleStmt') this.#makesView = true;
  }

  /** Gives the relations that the statement itself names the statement's verb. */
  #claim(kind: string, node: Node): void {
    const verb = kind === 'CopyStmt' ? (node.is_from === true ? 'insert' : 'select') : VERBS[kind];
    if (kind === 'SelectStmt' && isNode(node.intoClause))
      this.#claimNode('create-table', node.intoClause.rel);
    if (verb === undefined) {
      if (kind === 'DropStmt') this.#drop(node);
      return;
    }
    for (const key of ['relation', 'view', 'rel', 'sequence', 'typevar']) this.#claimNode(verb, node[key]);
    for (const action of mergeActions(node)) this.#claimNode(action, node.relation);
    for (const item of list(node.relations)) if (isNode(item)) this.#claimNode(verb, item.RangeVar);
    if (isNode(node.into)) this.#claimNode(verb, node.into.rel);
    if (
      kind === 'InsertStmt' &&
      isNode(node.onConflictClause) &&
      node.onConflictClause.action === 'ONCONFLICT_UPDATE'
    ) {
      this.#claimNode('update', node.relation);
    }
  }

  #claimNode(verb: string, relation: Tree | undefined): void {
    if (!isNode(relation) || typeof relation.relname !== 'string') return;
    this.#claimed.add(relation);
    this.#use(verb, relation);
  }

  #drop(node: Node): void {
    const type = text(node.removeType).replace('OBJECT_', '').toLowerCase();
    if (type === 'extension') this.#need('extensions', 'it drops an extension');
    if (type === 'policy') this.#need('privileges', 'it drops a row security policy');
    for (const object of list(node.objects)) {
      const items = isNode(object) && isNode(object.List) ? list(object.List.items) : [];
      const name = names(items).join('.');
      if (name !== '') this.#addUse(`drop-${type.replaceAll('_', '-')}`, name);
    }
  }

  #use(verb: string, relation: Node): void {
    const schema = relation.schemaname === undefined ? null : text(relation.schemaname);
    const name = text(relation.relname);
    this.#addUse(verb, schema === null ? name : `${schema}.${name}`);
    if (this.#touches.size >= MOST_TOUCHED) this.#cut = true;
    else this.#touches.set(JSON.stringify([verb, schema, name]), { verb, schema, name });
  }

  #addUse(verb: string, object: string): void {
    if (this.#uses.size < MOST_USES) this.#uses.set(`${verb} ${object}`, { verb, object });
  }

  #call(name: string[], given: Tree[], node: Node): void {
    const call: Call = { schema: name.length > 1 ? (name.at(-2) ?? null) : null, name: name.at(-1) ?? '' };
    if (this.#calls.size >= MOST_TOUCHED) this.#cut = true;
    else this.#calls.set(JSON.stringify([call.schema, call.name]), call);
    this.#rule(name.at(-1) ?? '', name, given.length);
    if (asTargetFolds(name.at(-1) ?? '') !== 'set_config') return;
    this.#literalsMatter = true;
    const setting = constantText(given[0]) ?? this.#pinned.get(node) ?? null;
    if (setting === null)
      this.#need('set-role', 'set_config() with a name that is not written out may set the role');
    else for (const need of settingNeeds(setting, constantText(given[1]) ?? UNKNOWN)) this.#needs.push(need);
  }

  #rule(called: string, name: string[], argumentCount: number): void {
    const rule = functionRule(name, argumentCount);
    if (rule !== null) this.#need(rule, `${called}() concerns ${GUARD_RULES[rule]}`);
  }

  #need(rule: GuardRule | null, what: string): void {
    this.#needs.push({ rule, what });
  }
}

/** What never gives rows by itself; changes do with RETURNING, SELECT does without INTO. */
function givesRows(statement: Tree): boolean {
  if (!isNode(statement)) return false;
  return Object.entries(statement).some(([kind, node]) => {
    if (!isNode(node)) return false;
    if (kind === 'SelectStmt') return node.intoClause === undefined;
    if (kind === 'CopyStmt') return node.is_from !== true;
    return list(node.returningList).length > 0 || isNode(node.returningClause) || ROW_GIVERS.has(kind);
  });
}

const EXPLAINED: ReadonlySet<string> = new Set([
  ...['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'],
]);

const ROW_GIVERS: ReadonlySet<string> = new Set([
  ...['FetchStmt', 'ExecuteStmt', 'ExplainStmt', 'VariableShowStmt', 'CallStmt'],
]);

const VERBS: Record<string, string> = {
  InsertStmt: 'insert',
  UpdateStmt: 'update',
  DeleteStmt: 'delete',
  MergeStmt: 'merge',
  TruncateStmt: 'truncate',
  LockStmt: 'lock',
  CreateStmt: 'create-table',
  CreateTableAsStmt: 'create-table',
  ViewStmt: 'create-view',
  IndexStmt: 'create-index',
  AlterTableStmt: 'alter-table',
  RenameStmt: 'rename',
  CreateSeqStmt: 'create-sequence',
  AlterSeqStmt: 'alter-sequence',
  CreateTrigStmt: 'create-trigger',
  RuleStmt: 'create-rule',
  RefreshMatViewStmt: 'refresh',
  ClusterStmt: 'cluster',
  CompositeTypeStmt: 'create-type',
};

const CHECKS: Record<string, (node: Node) => Need[]> = {
  TransactionStmt: (node) =>
    ['TRANS_STMT_PREPARE', 'TRANS_STMT_COMMIT_PREPARED', 'TRANS_STMT_ROLLBACK_PREPARED'].includes(
      text(node.kind),
    )
      ? [{ rule: 'two-phase', what: 'it concerns a transaction that outlives the session' }]
      : [],
  CopyStmt: (node) =>
    node.is_program === true || typeof node.filename === 'string'
      ? [{ rule: 'server-files', what: 'COPY would use a file or program on the server' }]
      : [],
  VariableSetStmt: (node) => {
    const value = node.kind === 'VAR_SET_VALUE' ? (constantText(list(node.args)[0]) ?? UNKNOWN) : null;
    return node.kind === 'VAR_RESET_ALL' || node.kind === 'VAR_SET_MULTI'
      ? []
      : settingNeeds(text(node.name), value);
  },
  UpdateStmt: (node) => settingsTarget(node),
  MergeStmt: (node) => settingsTarget(node),
  RenameStmt: (node) => {
    if (node.renameType === 'OBJECT_ROLE') return [{ rule: 'roles', what: 'it renames a role' }];
    if (node.renameType === 'OBJECT_DATABASE') return [{ rule: 'databases', what: 'it renames a database' }];
    return node.renameType === 'OBJECT_POLICY'
      ? [{ rule: 'privileges', what: 'it renames a row security policy' }]
      : [];
  },
  DefineStmt: (node) =>
    ['OBJECT_AGGREGATE', 'OBJECT_OPERATOR', 'OBJECT_TYPE'].includes(text(node.kind))
      ? [{ rule: 'functions', what: 'it defines an aggregate, operator or base type out of functions' }]
      : [],
  CreateSchemaStmt: (node) =>
    isNode(node.authrole) ? [{ rule: 'privileges', what: 'it gives a schema an owner' }] : [],
};

// Not a value that any setting accepts.
const UNKNOWN = '?';

/** `value` null: back to the session's default, which we have set. */
function settingNeeds(name: string, value: string | null): Need[] {
  const setting = asTargetFolds(name);
  if (setting === 'role' || setting === 'session_authorization') {
    return [{ rule: 'set-role', what: 'it changes the role or the user of the session' }];
  }
  if (setting === 'session_replication_role')
    return [{ rule: 'system', what: 'it turns triggers and constraints off' }];
  if (setting === 'client_connection_check_interval')
    return [{ rule: null, what: 'it would let work outlive the session' }];
  if (setting === 'client_encoding' && value !== null && !isSafeEncoding(value)) {
    return [{ rule: null, what: 'this client encoding is not one that statements can be read in; use UTF8' }];
  }
  if (setting === 'standard_conforming_strings' && value !== null && !/^(on|true|yes|1)$/i.test(value)) {
    return [{ rule: null, what: 'strings would no longer mean what they say' }];
  }
  return [];
}

function settingsTarget(node: Node): Need[] {
  return isNode(node.relation) && isSettingsView(node.relation)
    ? [{ rule: 'set-role', what: 'an update of pg_settings may set the role' }]
    : [];
}

function isSettingsView(relation: Node): boolean {
  return asTargetFolds(text(relation.relname)) === 'pg_settings';
}

/** The value of a plain constant as text; null for anything that is computed. */
function constantText(tree: Tree | undefined): string | null {
  if (!isNode(tree) || !isNode(tree.A_Const)) return null;
  const constant = tree.A_Const;
  if (isNode(constant.sval)) return text(constant.sval.sval);
  if (isNode(constant.ival)) return String(constant.ival.ival ?? 0);
  if (isNode(constant.fval)) return text(constant.fval.fval);
  return isNode(constant.boolval) ? String(constant.boolval.boolval === true) : null;
}

/** Node names begin with a capital; a field like `selectStmt` only holds a node. */
function isStatementKey(key: string): boolean {
  return key.endsWith('Stmt') && key.charCodeAt(0) < 0x61;
}

/** The names in a list of String nodes. */
function names(items: Tree[]): string[] {
  return items.map((item) => (isNode(item) && isNode(item.String) ? text(item.String.sval) : ''));
}

/** `AlterRoleSetStmt` → `ALTER ROLE SET`. */
export function words(kind: string): string {
  return kind
    .replace(/Stmt$/, '')
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toUpperCase();
}
