// One policy, read: what it is found by, what it asks as text, what it speaks of, and what is wrong with it.

import {
  type Clause,
  type Expr,
  type PolicyJson,
  policyToJson,
  policyToText,
} from '@cedar-policy/cedar-wasm/nodejs';
import { type Notes, readAnnotations } from './annotations.ts';
import {
  accountTypesOf,
  conjunctsOf,
  emptySurvey,
  plainUid,
  type Survey,
  survey,
  tasksOf,
  uidKey,
  usesAction,
  withAction,
} from './expressions.ts';
import { ACTIONS, type Action } from './facts.ts';
import { emptyNeed, flatten, type Need } from './flatten.ts';
import { packOf, packProblems } from './packs.ts';
import type { Place, PolicyProblem } from './source.ts';

/** One end of a policy's scope: `key` is `*` or `Type::id` of what the end is, or is in. */
export interface ScopeEnd {
  key: string;
  /** The entity type that it must be; null for any. */
  type: string | null;
}

/** One policy, ready to be found and evaluated. Plain data: it crosses from the thread that compiles. */
export interface Rule {
  /** `orders/read-at-once`: file and @id, or file and position. */
  id: string;
  file: string;
  line: number | null;
  effect: 'permit' | 'forbid';
  actions: readonly Action[];
  principal: ScopeEnd;
  resource: ScopeEnd;
  /** Keys of the tasks outside of which it never holds; null where it may hold for any. */
  tasks: readonly string[] | null;
  /** The same of the principal's account type. */
  accountTypes: readonly string[] | null;
  /** What is asked of it once its scope is known to match: a permit, flattened, in Cedar's own writing. */
  text: string;
  /** The same with the action written in, for each; null where its conditions do not speak of the action. */
  textByAction: Readonly<Partial<Record<Action, string>>> | null;
  /** All must hold; expiry is not among them. */
  conjuncts: Expr[];
  notes: Notes;
  /** What its conditions speak of. */
  survey: Survey;
  /** What has to be known to answer what is asked of it. */
  need: Need;
  /** As it was written, taken apart by Cedar: for those who read it. */
  json: PolicyJson;
}

/** `text`: one policy of `file`, the `index`th, as Cedar took it apart. */
export function readRule(
  file: string,
  index: number,
  text: string,
  place: Place | null,
): { rule: Rule; problems: PolicyProblem[] } {
  const parsed = policyToJson(text);
  if (parsed.type === 'failure') throw new Error(`Cedar parsed a policy of ${file} once and not twice.`);
  const { json } = parsed;
  const actions = actionsOf(json);
  const { notes, problems } = readAnnotations(json.annotations ?? {}, { effect: json.effect, actions });
  const conjuncts = conjunctsOf(json.conditions);
  const spoken = emptySurvey();
  survey(json.conditions, spoken);
  const rule: Rule = {
    id: `${file.replace(/\.cedar$/, '')}/${notes.id ?? index + 1}`,
    file,
    line: place?.line ?? null,
    effect: json.effect,
    actions,
    principal: scopeEnd(json.principal),
    resource: scopeEnd(json.resource),
    tasks: tasksOf(conjuncts),
    accountTypes: accountTypesOf(conjuncts),
    text: '',
    textByAction: null,
    conjuncts,
    notes,
    survey: spoken,
    need: emptyNeed(),
    json,
  };
  const pack = packOf(file);
  const all = [
    ...problems,
    ...spoken.problems,
    ...nameProblems(rule),
    ...silentProblems(rule),
    ...(pack === null ? [] : packProblems(pack, rule)),
  ];
  if (all.length === 0) all.push(...write(rule, json));
  return { rule, problems: all.map((reason) => problemOf(rule, reason)) };
}

// Decisions use the JSON form written anew, so what that form cannot hold must be known now and not at the first
// request. The scope is not written: where a rule is found by its keys, it has matched; only the types are left.
function write(rule: Rule, json: PolicyJson): string[] {
  const end = ({ type }: ScopeEnd): PolicyJson['principal'] & PolicyJson['resource'] =>
    type === null ? { op: 'All' } : { op: 'is', entity_type: type };
  const problems: string[] = [];
  const flat = flatten(timed(json.conditions, rule.notes.expiresAtMs), rule.need);
  const written = (conditions: Clause[]): string => {
    const answer = policyToText({
      effect: 'permit',
      principal: end(rule.principal),
      action: { op: 'All' },
      resource: end(rule.resource),
      conditions,
    });
    if (answer.type === 'success') return answer.text;
    problems.push(...answer.errors.map((error) => error.message));
    return '';
  };
  rule.text = written(flat);
  if (usesAction(flat)) {
    rule.textByAction = Object.fromEntries(
      rule.actions.map((action) => [action, written(withAction(flat, action))]),
    );
  }
  return problems;
}

// Expiry is the first condition: from then on nothing else of the policy is looked at.
function timed(conditions: Clause[], expiresAtMs: number | null): Clause[] {
  if (expiresAtMs === null) return conditions;
  const now: Expr = { '.': { left: { Var: 'context' }, attr: 'now' } };
  const end: Expr = { datetime: [{ Value: new Date(expiresAtMs).toISOString() }] };
  return [{ kind: 'when', body: { '<': { left: now, right: end } } }, ...conditions];
}

/** The condition of `text`, which is a rule's as Cedar wrote it: without comments, and with braces in clauses only. */
export function predicateOf(rule: Rule, text: string): string {
  const parts: string[] = [];
  if (rule.principal.type !== null) parts.push(`principal is ${rule.principal.type}`);
  if (rule.resource.type !== null) parts.push(`resource is ${rule.resource.type}`);
  let word = '';
  let depth = 0;
  let from = 0;
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|[{}]/gs)) {
    if (token === '{') {
      if (depth++ === 0) from = index + 1;
    } else if (token === '}') {
      if (--depth === 0) parts.push(`${word === 'unless' ? '!' : ''}(${text.slice(from, index)})`);
    } else if (depth === 0) word = token;
  }
  return `(${parts.join(' && ') || 'true'})`;
}

export function problemOf(rule: Rule, reason: string, hint: string | null = null): PolicyProblem {
  return { file: rule.file, line: rule.line, column: null, policy: rule.id, reason, hint };
}

// Sound and simple: whoever may request either gets it at once by the same policy, or the policy says who approves.
function silentProblems(rule: Rule): string[] {
  const asks = rule.effect === 'permit' && rule.actions.includes('request');
  if (!asks || rule.actions.includes('autoApprove') || rule.notes.obligations.approvals.length > 0) return [];
  return [
    'A permit for Action::"request" must name its approvals (@approvals("1 of Group::\\"dba\\"")) or also permit Action::"autoApprove".',
  ];
}

const SEGMENT = /^[a-z0-9][a-z0-9-]{0,62}(\/[a-z0-9][a-z0-9-]{0,62}){0,9}$/;
const NAME = /^[a-z0-9][a-z0-9._@-]{0,99}$/;

// A name that can never exist (Prod, prod/, prod//eu) would make a forbid that never forbids.
function nameProblems(rule: Rule): string[] {
  const ends = [rule.principal.key, rule.resource.key].filter((key) => key !== '*');
  return [...new Set([...rule.survey.entities, ...ends])].flatMap((key) => {
    const [type = '', ...rest] = key.split('::');
    const id = rest.join('::');
    if (['Action', 'Day', 'Sensitivity', 'Platform'].includes(type)) return [];
    const form = type === 'Segment' ? SEGMENT : NAME;
    if (form.test(id)) return [];
    return [
      `${type}::${JSON.stringify(id)} can never exist: names are lower-case letters, digits and . _ @ -${type === 'Segment' ? ', in a path such as prod/eu' : ''}.`,
    ];
  });
}

function scopeEnd(constraint: PolicyJson['principal'] | PolicyJson['resource']): ScopeEnd {
  if (constraint.op === 'All') return { key: '*', type: null };
  if (constraint.op === 'is') {
    const within = constraint.in;
    const key = within === undefined || !('entity' in within) ? '*' : uidKey(plainUid(within.entity));
    return { key, type: constraint.entity_type };
  }
  return { key: 'entity' in constraint ? uidKey(plainUid(constraint.entity)) : '*', type: null };
}

function actionsOf(json: PolicyJson): Action[] {
  const { action } = json;
  if (action.op === 'All') return [...ACTIONS];
  const uids = 'entities' in action ? action.entities : 'entity' in action ? [action.entity] : [];
  const named = uids.map((uid) => plainUid(uid).id);
  return ACTIONS.filter((known) => named.includes(known));
}
