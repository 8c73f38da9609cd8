// Conditions in the form in which Cedar is asked them: texts and numbers of the context instead of entities, times and
// addresses, which cost Cedar five times as much to read (an entity 13 µs, a duration 20, a text 3) and, written in a
// policy, are read again at each question. Each form here means the same of the same facts; what is none of them stays
// as it is written, and is asked with the entities that it speaks of. `evaluate.test.ts` holds both against Cedar.

import type { TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import { emptySurvey, isRecord, literalOf, parseCedarDurationMs, survey, uidKey } from './expressions.ts';
import { rangeBits } from './source-address.ts';

/** What has to be known to answer some conditions. */
export interface Need {
  /** Attributes that are read or tested, of any entity and of the context. */
  attributes: Set<string>;
  /** Entities by `Type::id`, which are named as such. */
  entities: Set<string>;
  /** Entities by `Type::id` of which only a text asks whether something is in them. */
  within: Set<string>;
  /** By attribute, the whole numbers from which on a comparison comes out otherwise: it is used for nothing else. */
  edges: Map<string, Set<number>>;
  /** Attributes of the context whose value is used in any other way than to compare it with an edge or a pattern. */
  read: Set<string>;
  /** By attribute, the patterns (Cedar's JSON) that it is compared with; a fixed text is one too. */
  patterns: Map<string, Set<string>>;
  /** The context as a whole, so that all of it is needed and nothing of ours may stand in it. */
  wholeContext: boolean;
  /** Who asks and what for, and not merely of which type they are. */
  principal: boolean;
  resource: boolean;
}

export function emptyNeed(): Need {
  return {
    ...{
      attributes: new Set(),
      entities: new Set(),
      within: new Set(),
      edges: new Map(),
      read: new Set(),
      patterns: new Map(),
    },
    ...{ wholeContext: false, principal: false, resource: false },
  };
}

export function addNeed(from: Need, into: Need): void {
  for (const set of ['attributes', 'entities', 'within', 'read'] as const)
    for (const one of from[set]) into[set].add(one);
  for (const [name, edges] of from.edges) for (const edge of edges) addTo(into.edges, name, edge);
  for (const [name, patterns] of from.patterns)
    for (const pattern of patterns) addTo(into.patterns, name, pattern);
  for (const flag of ['wholeContext', 'principal', 'resource'] as const) into[flag] ||= from[flag];
}

function addTo<T>(sets: Map<string, Set<T>>, name: string, one: T): void {
  const known = sets.get(name);
  if (known === undefined) sets.set(name, new Set([one]));
  else known.add(one);
}

/** Context attributes that hold, as texts `Type::id`, what the variable is in (a task also itself). */
export const WITHIN = { principal: 'principalIn', resource: 'resourceIn', task: 'taskIn' } as const;
/** The name in the context of an attribute of the principal or the target: `principalAccountType`. */
export function flatName(variable: string, attribute: string): string {
  return `${variable}${attribute.charAt(0).toUpperCase()}${attribute.slice(1)}`;
}

/** Attributes of the context by the name of the same as a number of milliseconds, or as a text. */
const AS_MS: Readonly<Record<string, string>> = {
  now: 'nowMs',
  duration: 'durationMs',
  localTime: 'localTimeMs',
  mfaAge: 'mfaAgeMs',
};
/** Of the principal and the target, what is a text or a truth value by itself. */
const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  principal: ['id', 'accountType', 'sponsorId', 'title', 'onCall', 'managerId'],
  resource: ['kind', 'owner'],
};
const COMPARISONS = ['==', '!=', '<', '<=', '>', '>='];

/** `expr`, or any part of one, and into `need` what it needs to know. Wherever the whole context is used, as it is. */
export function flatten<T>(expr: T, need: Need): T {
  const spoken = emptySurvey();
  survey(expr, spoken);
  // From the inside out; what a part becomes is never the part that a form of the outside looks for.
  const flat: T = spoken.wholeContext
    ? expr
    : JSON.parse(JSON.stringify(expr), (_key, node: unknown) => flatNode(node, need));
  const left = emptySurvey();
  survey(flat, left);
  for (const name of left.attributes) need.attributes.add(name);
  for (const key of left.entities) need.entities.add(key);
  need.wholeContext ||= left.wholeContext;
  noteUses(flat, need);
  return flat;
}

/** How what is asked uses what it reads. */
function noteUses(node: unknown, need: Need): void {
  if (Array.isArray(node)) for (const item of node) noteUses(item, need);
  if (!isRecord(node)) return;
  if (node.Var === 'principal' || node.Var === 'resource') need[node.Var] = true;
  const [op = ''] = Object.keys(node);
  const body = node[op];
  if (isRecord(body) && noteTest(op, body, need)) return;
  for (const part of Object.values(node)) noteUses(part, need);
}

/** True where all that `op` uses has been noted: a type, a presence, a value or a comparison with a pattern. */
function noteTest(op: string, body: Record<string, unknown>, need: Need): boolean {
  const { left, right } = body;
  if (op === 'is' && isRecord(left) && typeof left.Var === 'string') {
    noteUses(body.in, need);
    return true;
  }
  if (op === 'has') return isVariable(left, 'context') && typeof body.attr === 'string';
  if (op === '.' && isVariable(left, 'context')) {
    need.read.add(String(body.attr));
    return true;
  }
  if (op === 'like') return notePattern(left, body.pattern, need);
  if (op !== '==' && op !== '!=') return false;
  return notePattern(left, exactly(right), need) || notePattern(right, exactly(left), need);
}

function notePattern(side: unknown, pattern: unknown, need: Need): boolean {
  const [variable, attr = ''] = accessOf(side) ?? [];
  if (variable !== 'context' || pattern === null) return false;
  addTo(need.patterns, attr, JSON.stringify(pattern));
  return true;
}

function exactly(node: unknown): unknown {
  return isRecord(node) && typeof node.Value === 'string' ? [{ Literal: node.Value }] : null;
}

function isVariable(node: unknown, name: string): boolean {
  return isRecord(node) && node.Var === name;
}

function flatNode(node: unknown, need: Need): unknown {
  if (!isRecord(node)) return node;
  const [op = '', ...more] = Object.keys(node);
  const body = node[op];
  if (more.length > 0) return node;
  if (op === 'isInRange') return inRange(body) ?? node;
  if (!isRecord(body)) return node;
  if (op === '.' || op === 'has') return attribute(op, body) ?? node;
  if (op === 'is') return typed(body, need) ?? node;
  const { left, right } = body;
  if (op === 'in') return membership(left, right, need) ?? node;
  if (op === 'contains') return oneOf(right, left) ?? node;
  if (!COMPARISONS.includes(op)) return node;
  return comparison(op, left, right, need) ?? node;
}

/** The same said from the other side: `a < b` is `b > a`. */
const MIRRORED: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };

function comparison(op: string, left: unknown, right: unknown, need: Need): unknown {
  const mirrored = MIRRORED[op] ?? op;
  for (const [by, side, other] of [[op, left, right] as const, [mirrored, right, left] as const]) {
    const found =
      asNumbers(by, side, other, need) ?? (MIRRORED[op] === undefined ? asTexts(side, other) : null);
    if (found !== null) return { [by]: { left: found[0], right: found[1] } };
  }
  return null;
}

const ofContext = (attr: string) => ({ '.': { left: { Var: 'context' }, attr } });

/** `[variable, attribute]` of `context.x`, `principal.x`, `resource.x`. */
function accessOf(node: unknown): [string, string] | null {
  if (!isRecord(node) || !isRecord(node['.'])) return null;
  const { left, attr } = node['.'];
  return isRecord(left) && typeof left.Var === 'string' && typeof attr === 'string' ? [left.Var, attr] : null;
}

// principal.accountType, principal has title, context has mfaAge
function attribute(op: '.' | 'has', { left, attr }: Record<string, unknown>): unknown {
  const name = Array.isArray(attr) && attr.length === 1 ? attr[0] : attr;
  if (!isRecord(left) || typeof left.Var !== 'string' || typeof name !== 'string') return null;
  const inContext = { left: { Var: 'context' } };
  const ms = AS_MS[name];
  if (left.Var === 'context')
    return op === 'has' && ms !== undefined ? { has: { ...inContext, attr: ms } } : null;
  if (ATTRIBUTES[left.Var]?.includes(name) !== true) return null;
  return { [op]: { ...inContext, attr: flatName(left.Var, name) } };
}

// context.duration <= duration("1h"), context.now < datetime("2026-11-24")
function asNumbers(op: string, side: unknown, other: unknown, need: Need): [unknown, unknown] | null {
  const [variable, attr = ''] = accessOf(side) ?? [];
  const name = variable === 'context' ? AS_MS[attr] : undefined;
  if (name === undefined) return null;
  const ms = attr === 'now' ? datetimeMs(other) : parseCedarDurationMs(other);
  if (ms === null || !Number.isSafeInteger(ms)) return null;
  if (op !== '<=' && op !== '>') addTo(need.edges, name, ms);
  if (op !== '<' && op !== '>=') addTo(need.edges, name, ms + 1);
  return [ofContext(name), { Value: ms }];
}

/** Milliseconds of `datetime("2026-11-24T12:00:00Z")`; null for anything else, and for the forms with an offset. */
function datetimeMs(node: unknown): number | null {
  const text = literalOf(node, 'datetime') ?? '';
  return /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{3})?Z)?$/.test(text) ? Date.parse(text) : null;
}

/** Attributes that are entities without anything above them: their type, and the name of the same as a text. */
function asName(node: unknown): [type: string, name: string] | null {
  const [variable, attr] = accessOf(node) ?? [];
  if (variable === 'context' && attr === 'task') return ['Task', 'taskName'];
  if (variable === 'context' && attr === 'dayOfWeek') return ['Day', 'dayName'];
  if (variable === 'resource' && attr === 'sensitivity') return ['Sensitivity', 'sensitivityName'];
  return null;
}

// context.task == Task::"fix", context.dayOfWeek != Day::"sun"
function asTexts(side: unknown, other: unknown): [unknown, unknown] | null {
  const [type, name = ''] = asName(side) ?? [];
  const id = type === undefined ? null : literalUid(other, [type])?.id;
  return typeof id === 'string' ? [ofContext(name), { Value: id }] : null;
}

function literalUid(node: unknown, types: readonly string[]): TypeAndId | null {
  const uid = isRecord(node) && isRecord(node.Value) ? node.Value.__entity : null;
  if (!isRecord(uid) || typeof uid.type !== 'string' || typeof uid.id !== 'string') return null;
  return types.includes(uid.type) ? { type: uid.type, id: uid.id } : null;
}

/** Entities in a set that is written out, all of `types`; null for anything else, and for an empty set. */
function literalUids(node: unknown, types: readonly string[]): TypeAndId[] | null {
  if (!isRecord(node) || !Array.isArray(node.Set)) return null;
  const found = node.Set.flatMap((value) => literalUid(value, types) ?? []);
  return found.length === 0 || found.length < node.Set.length ? null : found;
}

// [Task::"a", Task::"b"].contains(context.task)
function oneOf(side: unknown, set: unknown): unknown {
  const [type, name = ''] = asName(side) ?? [];
  const ids = type === undefined ? null : literalUids(set, [type]);
  if (ids === null) return null;
  return { contains: { left: { Set: ids.map(({ id }) => ({ Value: id })) }, right: ofContext(name) } };
}

// principal in Group::"dba", resource in [Segment::"a", Segment::"b"], context.task in Task::"read"
function membership(left: unknown, right: unknown, need: Need): unknown {
  const [attribute, types] = isVariable(left, 'principal')
    ? [WITHIN.principal, ['Group']]
    : isVariable(left, 'resource')
      ? [WITHIN.resource, ['Segment', 'Environment']]
      : asName(left)?.[0] === 'Task'
        ? [WITHIN.task, ['Task']]
        : [null, []];
  if (attribute === null) {
    // Nothing is above a day or a sensitivity: to be in one is to be it.
    const one = asTexts(left, right);
    return one === null ? oneOf(left, right) : { '==': { left: one[0], right: one[1] } };
  }
  const one = literalUid(right, types);
  const keys = (one === null ? literalUids(right, types) : [one])?.map(uidKey);
  if (keys === undefined) return null;
  for (const key of keys) need.within.add(key);
  const [first, ...others] = keys.map((key) => ({ Value: key }));
  return others.length === 0
    ? { contains: { left: ofContext(attribute), right: first } }
    : { containsAny: { left: ofContext(attribute), right: { Set: [first, ...others] } } };
}

// principal is Person in Group::"dba"
function typed(body: Record<string, unknown>, need: Need): unknown {
  const { in: above, ...rest } = body;
  const inside = above === undefined ? null : membership(body.left, above, need);
  return inside === null ? null : { '&&': { left: { is: rest }, right: inside } };
}

// context.sourceIp.isInRange(ip("10.0.0.0/8")): the bits of the range begin those of the address.
function inRange(args: unknown): unknown {
  if (!Array.isArray(args) || accessOf(args[0])?.join() !== 'context,sourceIp') return null;
  const bits = rangeBits(literalOf(args[1], 'ip') ?? '');
  if (bits === null) return null;
  return { like: { left: ofContext('sourceBits'), pattern: [{ Literal: bits }, 'Wildcard'] } };
}
