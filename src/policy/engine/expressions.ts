// Cedar's own JSON form of a condition, taken apart: its conjuncts (each can be told and tested alone), what it
// speaks of (so that a decision carries only that), and the durations that it compares with.

import type { Clause, EntityUidJson, Expr, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';

/** What some policies speak of. */
export interface Survey {
  /** Attributes that are read or tested, of any entity and of the context. */
  attributes: Set<string>;
  /** Entities by `Type::id`. */
  entities: Set<string>;
  /** True when the context is used as a whole, so that all of it is needed. */
  wholeContext: boolean;
  /** Seconds that `context.duration` is compared with. */
  durations: Set<number>;
  /** Mistakes that Cedar's validator does not see. */
  problems: string[];
}

export function emptySurvey(): Survey {
  return {
    attributes: new Set(),
    entities: new Set(),
    wholeContext: false,
    durations: new Set(),
    problems: [],
  };
}

export function uidKey(uid: TypeAndId): string {
  return `${uid.type}::${uid.id}`;
}

export function plainUid(uid: EntityUidJson): TypeAndId {
  return '__entity' in uid ? uid.__entity : uid;
}

/** The conditions as a list of which all must hold; `unless { a || b }` is two: not a, not b. */
export function conjunctsOf(conditions: readonly Clause[]): Expr[] {
  return conditions.flatMap((clause) =>
    clause.kind === 'when' ? split(clause.body) : splitNegated(clause.body),
  );
}

function split(expr: Expr): Expr[] {
  const both = pairOf(expr, '&&');
  if (both !== null) return [...split(both.left), ...split(both.right)];
  const negated = negatedOf(expr);
  return negated === null ? [expr] : splitNegated(negated);
}

function splitNegated(expr: Expr): Expr[] {
  const either = pairOf(expr, '||');
  if (either !== null) return [...splitNegated(either.left), ...splitNegated(either.right)];
  const negated = negatedOf(expr);
  return negated === null ? [{ '!': { arg: expr } }] : split(negated);
}

/** Both sides of `op` where `expr` is one, else null. */
export function pairOf(expr: Expr, op: '&&' | '||'): { left: Expr; right: Expr } | null {
  if (op === '&&' && '&&' in expr && !Array.isArray(expr['&&'])) return expr['&&'];
  if (op === '||' && '||' in expr && !Array.isArray(expr['||'])) return expr['||'];
  return null;
}

export function negatedOf(expr: Expr): Expr | null {
  return '!' in expr && !Array.isArray(expr['!']) ? expr['!'].arg : null;
}

/** The expression with `action` replaced by that one action, so that it means the same in any request. */
export function withAction<T>(expr: T, action: string): T {
  return JSON.parse(JSON.stringify(expr), (_key, value: unknown) =>
    isRecord(value) && value.Var === 'action' && Object.keys(value).length === 1
      ? { Value: { __entity: { type: 'Action', id: action } } }
      : value,
  );
}

/** Whether `node` speaks of the action anywhere. */
export function usesAction(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(usesAction);
  if (!isRecord(node)) return false;
  return node.Var === 'action' || Object.values(node).some(usesAction);
}

/** Keys out of a comparison of `side` with `other`; null where it is none of what is looked for. */
type Comparison = (side: Expr, other: Expr) => string[] | null;

/**
 * Keys (`Task::id`) of which the task, or a task above it, must be one for all `conjuncts` to hold, and without which
 * none of them is reached that could fail; null where nothing like that can be told.
 */
export function tasksOf(conjuncts: readonly Expr[]): string[] | null {
  return demanded(conjuncts, (side, other) =>
    contextAttribute(side) === 'task' ? literals(other, taskKey) : null,
  );
}

/** Account types of which the principal's must be one, in the same sense. */
export function accountTypesOf(conjuncts: readonly Expr[]): string[] | null {
  return demanded(conjuncts, (side, other) => (isAccountType(side) ? literals(other, textOf) : null));
}

function demanded(conjuncts: readonly Expr[], compare: Comparison): string[] | null {
  for (const conjunct of conjuncts) {
    const keys = demandedBy(conjunct, compare);
    if (keys !== null) return keys;
    if (!cannotFail(conjunct)) return null;
  }
  return null;
}

function demandedBy(expr: Expr, compare: Comparison): string[] | null {
  const both = pairOf(expr, '&&');
  if (both !== null) return demanded([...split(both.left), ...split(both.right)], compare);
  const either = pairOf(expr, '||');
  if (either !== null) {
    const left = demandedBy(either.left, compare);
    const right = left === null ? null : demandedBy(either.right, compare);
    return left === null || right === null ? null : [...new Set([...left, ...right])];
  }
  if ('in' in expr && !Array.isArray(expr.in)) return compare(expr.in.left, expr.in.right);
  if ('contains' in expr && !Array.isArray(expr.contains))
    return compare(expr.contains.right, expr.contains.left);
  if (!('==' in expr) || Array.isArray(expr['=='])) return null;
  const { left, right } = expr['=='];
  return compare(left, right) ?? compare(right, left);
}

/** What `read` makes of a literal, or of each in a set of literals; null where one is something else. */
function literals(expr: Expr, read: (value: unknown) => string | null): string[] | null {
  const values: Expr[] = 'Set' in expr && Array.isArray(expr.Set) ? expr.Set : [expr];
  const keys = values.map(read).filter((key) => key !== null);
  return keys.length === 0 || keys.length < values.length ? null : keys;
}

function taskKey(value: unknown): string | null {
  const uid = isRecord(value) && isRecord(value.Value) ? value.Value.__entity : null;
  return isRecord(uid) && uid.type === 'Task' ? `Task::${String(uid.id)}` : null;
}

function textOf(value: unknown): string | null {
  return isRecord(value) && typeof value.Value === 'string' ? value.Value : null;
}

function isAccountType(node: unknown): boolean {
  if (!isRecord(node) || !isRecord(node['.'])) return false;
  const { left, attr } = node['.'];
  return attr === 'accountType' && isRecord(left) && left.Var === 'principal';
}

/** What neither overflows nor is missing once the validator has seen it. */
const NEVER_FAIL = new Set([
  ...[
    'Value',
    'Var',
    'Set',
    '!',
    '==',
    '!=',
    '<',
    '<=',
    '>',
    '>=',
    'in',
    '&&',
    '||',
    '.',
    'has',
    'like',
    'is',
  ],
  ...['contains', 'containsAll', 'containsAny', 'isEmpty', 'if-then-else'],
  ...['ip', 'duration', 'datetime', 'isInRange', 'isLoopback', 'isIpv4', 'isIpv6', 'isMulticast'],
]);
/** Parts of an operation that are no expressions. */
const NO_OPERANDS = new Set(['attr', 'pattern', 'entity_type']);

function cannotFail(expr: unknown): boolean {
  if (!isRecord(expr)) return false;
  return Object.entries(expr).every(([op, body]) => {
    if (!NEVER_FAIL.has(op)) return false;
    if (op === 'Value' || op === 'Var') return true;
    if (Array.isArray(body)) return body.every(cannotFail);
    return (
      isRecord(body) &&
      Object.entries(body).every(([name, part]) => NO_OPERANDS.has(name) || cannotFail(part))
    );
  });
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Adds what `node` (an expression, or any part of one) speaks of. */
export function survey(node: unknown, into: Survey): void {
  if (Array.isArray(node)) {
    for (const item of node) survey(item, into);
    return;
  }
  if (!isRecord(node)) return;
  if (node.Var === 'context') into.wholeContext = true;
  if (typeof node.Value === 'number' && !Number.isSafeInteger(node.Value)) {
    into.problems.push('An integer beyond 2^53 cannot be used: it would reach the engine as another one.');
  }
  if (isRecord(node.__entity)) {
    const { type, id } = node.__entity;
    if (typeof type === 'string' && typeof id === 'string') into.entities.add(`${type}::${id}`);
    return;
  }
  for (const [op, body] of Object.entries(node)) {
    noteComparedDuration(op, body, into);
    noteLookup(op, body, into);
    if ((op === '.' || op === 'has') && isRecord(body)) surveyAccess(body, into);
    else survey(body, into);
  }
}

function surveyAccess(body: Record<string, unknown>, into: Survey): void {
  const { left, attr } = body;
  for (const name of Array.isArray(attr) ? attr : [attr]) into.attributes.add(String(name));
  if (!(isRecord(left) && 'Var' in left)) survey(left, into);
}

const COMPARISONS = ['<', '<=', '>', '>=', '==', '!='];

function noteComparedDuration(op: string, body: unknown, into: Survey): void {
  if (!COMPARISONS.includes(op) || !isRecord(body)) return;
  for (const [side, other] of [
    [body.left, body.right],
    [body.right, body.left],
  ]) {
    if (contextAttribute(side) !== 'duration') continue;
    const ms = parseCedarDurationMs(other);
    if (ms !== null) into.durations.add(Math.floor(ms / 1000));
  }
}

/** `context.x` → `x`. */
export function contextAttribute(node: unknown): string | null {
  if (!isRecord(node) || !isRecord(node['.'])) return null;
  const { left, attr } = node['.'];
  return isRecord(left) && left.Var === 'context' && typeof attr === 'string' ? attr : null;
}

// A decision carries the entities that it is about, not the whole directory: what would have to be looked up
// (the groups of a named person) is refused at load, where Cedar would quietly answer no.
function noteLookup(op: string, body: unknown, into: Survey): void {
  if (!isRecord(body)) return;
  const looked =
    op === 'in' || op === '.' || op === 'has' || op === 'getTag' || op === 'hasTag'
      ? [body.left]
      : op === 'if-then-else'
        ? [body.then, body.else]
        : [];
  for (const node of looked) {
    if (!isRecord(node) || !isRecord(node.Value) || !isRecord(node.Value.__entity)) continue;
    const { type, id } = node.Value.__entity;
    into.problems.push(
      `${String(type)}::${JSON.stringify(id)} is named where its groups or attributes would have to be looked up; compare with == or name it on the right of "in".`,
    );
  }
}

/** Milliseconds of `duration("1h30m")`; null for anything else. */
export function parseCedarDurationMs(node: unknown): number | null {
  const text = literalOf(node, 'duration');
  const match =
    text === null ? null : /^(-?)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text);
  if (match === null) return null;
  const [d = 0, h = 0, m = 0, s = 0, ms = 0] = match.slice(2).map((part) => Number(part ?? 0));
  return (match[1] === '-' ? -1 : 1) * ((((d * 24 + h) * 60 + m) * 60 + s) * 1000 + ms);
}

/** The text in a call such as `ip("10.0.0.0/8")`; null for anything else. */
export function literalOf(node: unknown, fn: string): string | null {
  if (!isRecord(node) || !Array.isArray(node[fn])) return null;
  const argument: unknown = node[fn][0];
  return isRecord(argument) && typeof argument.Value === 'string' ? argument.Value : null;
}
