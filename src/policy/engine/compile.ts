// From policy files to rules that can be found by scope. All or nothing: one mistake anywhere refuses the set, and
// the failure lists every mistake with its file, line and reason.

import { readFileSync } from 'node:fs';
import {
  type Clause,
  checkParsePolicySet,
  type DetailedError,
  type Expr,
  type PolicyJson,
  policySetTextToParts,
  policyToJson,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs';
import { digestOf } from '../../base/canonical-json.ts';
import { Failure } from '../../base/errors.ts';
import { type Notes, readAnnotations } from './annotations.ts';
import { conjunctsOf, emptySurvey, plainUid, type Survey, survey, uidKey } from './expressions.ts';
import { ACTIONS, type Action } from './facts.ts';
import { LineFinder, type Place, type PolicyProblem, placesOf } from './source.ts';

export const MOST_FILES = 200;
export const LARGEST_FILE_BYTES = 512 * 1024;
export const LARGEST_SET_BYTES = 8 * 1024 * 1024;
export const MOST_POLICIES = 20_000;
/** Mistakes that one failure lists. */
const MOST_PROBLEMS = 100;

/** The schema's text, for whoever writes policies. */
export const SCHEMA = readFileSync(new URL('../schema.cedarschema', import.meta.url), 'utf8');

/** One end of a policy's scope: `key` is `*` or `Type::id` of what the end is, or is in. */
export interface ScopeEnd {
  key: string;
  /** The entity type that it must be; null for any. */
  type: string | null;
}

/** One policy, ready to be found and evaluated. */
export interface Rule {
  /** `orders/read-at-once`: file and @id, or file and position. */
  id: string;
  file: string;
  line: number | null;
  effect: 'permit' | 'forbid';
  actions: readonly Action[];
  principal: ScopeEnd;
  resource: ScopeEnd;
  json: PolicyJson;
  /** All must hold; expiry is not among them. */
  conjuncts: Expr[];
  notes: Notes;
  survey: Survey;
}

export interface CompiledPolicies {
  /** Of the files: the same text is the same policy. */
  digest: string;
  rules: readonly Rule[];
  /** Rules by action, resource key and principal key. */
  shards: ReadonlyMap<Action, ReadonlyMap<string, ReadonlyMap<string, readonly Rule[]>>>;
}

/**
 * `files`: names such as `orders.cedar` and their Cedar text.
 * Errors: Failure `policy-invalid`, whose `facts.errors` are the PolicyProblems (at most a hundred).
 */
export function compilePolicies(files: Readonly<Record<string, string>>): CompiledPolicies {
  refuse(limitProblems(files));
  const rules: Rule[] = [];
  const problems: PolicyProblem[] = [];
  for (const [file, text] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const read = readFile(file, text);
    rules.push(...read.rules);
    problems.push(...read.problems);
  }
  if (rules.length > MOST_POLICIES) {
    problems.push(wholeSet(`There are ${rules.length} policies; at most ${MOST_POLICIES} are allowed.`));
  }
  const seen = new Map<string, Rule>();
  for (const rule of rules) {
    const other = seen.get(rule.id);
    if (other !== undefined) {
      problems.push(
        problemOf(rule, `The id "${rule.id}" is already that of the policy in line ${other.line}.`),
      );
    }
    seen.set(rule.id, rule);
  }
  refuse(problems);
  return { digest: digestOf(files), rules, shards: shardsOf(rules) };
}

function refuse(problems: readonly PolicyProblem[]): void {
  const [first] = problems;
  if (first === undefined) return;
  const where = [first.file, first.line, first.column]
    .filter((part) => part !== null && part !== '')
    .join(':');
  const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`;
  const message = `The policies cannot be used: ${where === '' ? '' : `${where}: `}${first.reason}${more}`;
  throw new Failure('invalid', 'policy-invalid', message, {
    field: 'files',
    facts: { errors: problems.slice(0, MOST_PROBLEMS), count: problems.length },
    ...(first.hint === null ? {} : { hint: first.hint }),
  });
}

function wholeSet(reason: string, file = ''): PolicyProblem {
  return { file, line: null, column: null, policy: null, reason, hint: null };
}

function problemOf(rule: Rule, reason: string, hint: string | null = null): PolicyProblem {
  return { file: rule.file, line: rule.line, column: null, policy: rule.id, reason, hint };
}

function limitProblems(files: Readonly<Record<string, string>>): PolicyProblem[] {
  const names = Object.keys(files);
  if (names.length > MOST_FILES) return [wholeSet(`There are ${names.length} files; at most ${MOST_FILES}.`)];
  const problems: PolicyProblem[] = [];
  let total = 0;
  for (const name of names) {
    const bytes = Buffer.byteLength(files[name] ?? '', 'utf8');
    total += bytes;
    if (!/^[a-z0-9][a-z0-9._-]{0,99}\.cedar$/.test(name)) {
      const shown = name.slice(0, 80);
      problems.push(
        wholeSet('A policy file is named like orders.cedar: lower-case letters, digits and . _ -.', shown),
      );
    }
    if (bytes > LARGEST_FILE_BYTES) {
      problems.push(wholeSet(`The file has ${bytes} bytes; at most ${LARGEST_FILE_BYTES}.`, name));
    }
    if (files[name]?.isWellFormed() === false)
      problems.push(wholeSet('The text is not valid Unicode.', name));
  }
  if (total > LARGEST_SET_BYTES) {
    problems.push(wholeSet(`The files have ${total} bytes together; at most ${LARGEST_SET_BYTES}.`));
  }
  return problems;
}

function readFile(file: string, text: string): { rules: Rule[]; problems: PolicyProblem[] } {
  const lines = new LineFinder(text);
  const parts = policySetTextToParts(text);
  if (parts.type === 'failure') {
    return { rules: [], problems: parts.errors.map((error) => cedarProblem(file, lines, error, null)) };
  }
  if (parts.policy_templates.length > 0) {
    return {
      rules: [],
      problems: [
        wholeSet('Templates (?principal, ?resource) are not used here; write out the policy.', file),
      ],
    };
  }
  const texts = inFileOrder(parts.policies);
  const places = placesOf(texts, text, lines);
  const problems: PolicyProblem[] = [];
  const rules = texts.map((part, index) => {
    const read = readPolicy(file, index, part, places[index] ?? null);
    problems.push(...read.problems);
    return read.rule;
  });
  if (problems.length === 0) problems.push(...formProblems(file, rules));
  const checked = validate({ schema: SCHEMA, policies: { staticPolicies: text } });
  if (checked.type === 'failure') {
    problems.push(...checked.errors.map((error) => cedarProblem(file, lines, error, null)));
  } else {
    // A warning ("can never apply", "looks like another letter") is somebody's mistake just as much.
    for (const { policyId, error } of [...checked.validationErrors, ...checked.validationWarnings]) {
      const rule = rules[Number(policyId.replace('policy', ''))];
      problems.push(cedarProblem(file, lines, error, rule?.id ?? null));
    }
  }
  return { rules, problems };
}

// Decisions use the JSON form, so what that form cannot hold must be known now and not at the first request.
function formProblems(file: string, rules: readonly Rule[]): PolicyProblem[] {
  const answer = checkParsePolicySet({
    staticPolicies: Object.fromEntries(rules.map(({ id, json }) => [id, json])),
  });
  return answer.type === 'success' ? [] : answer.errors.map((error) => wholeSet(error.message, file));
}

// Cedar numbers policies as they stand and gives them sorted by that name: policy0, policy1, policy10, policy11, …
function inFileOrder(sorted: readonly string[]): string[] {
  const names = sorted.map((_, index) => `policy${index}`).sort();
  const ordered: string[] = [];
  names.forEach((name, at) => {
    ordered[Number(name.slice('policy'.length))] = sorted[at] ?? '';
  });
  return ordered;
}

function cedarProblem(
  file: string,
  lines: LineFinder,
  error: DetailedError,
  policy: string | null,
): PolicyProblem {
  const at = error.sourceLocations?.[0];
  const place = at === undefined ? null : lines.atByte(at.start);
  const label = at?.label ?? null;
  const reason = error.message.replace(/^for policy `[^`]*`[,:] /, '');
  return {
    file,
    line: place?.line ?? null,
    column: place?.column ?? null,
    policy,
    reason: label === null ? reason : `${reason}: ${label}`,
    hint: error.help,
  };
}

function readPolicy(
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
  const rule: Rule = {
    id: `${file.replace(/\.cedar$/, '')}/${notes.id ?? index + 1}`,
    file,
    line: place?.line ?? null,
    effect: json.effect,
    actions,
    principal: scopeEnd(json.principal),
    resource: scopeEnd(json.resource),
    json,
    conjuncts: conjunctsOf(json.conditions),
    notes,
    survey: surveyOf(json),
  };
  const all = [...problems, ...rule.survey.problems, ...nameProblems(rule.survey), ...silentProblems(rule)];
  return { rule, problems: all.map((reason) => problemOf(rule, reason)) };
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
function nameProblems(spoken: Survey): string[] {
  return [...spoken.entities].flatMap((key) => {
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

function surveyOf(json: PolicyJson): Survey {
  const spoken = emptySurvey();
  survey(json.conditions, spoken);
  for (const end of [json.principal, json.resource]) {
    const { key } = scopeEnd(end);
    if (key !== '*') spoken.entities.add(key);
  }
  return spoken;
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

function shardsOf(rules: readonly Rule[]): CompiledPolicies['shards'] {
  const shards = new Map<Action, Map<string, Map<string, Rule[]>>>();
  for (const rule of rules) {
    for (const action of rule.actions) {
      const byResource = entry(shards, action, () => new Map<string, Map<string, Rule[]>>());
      const byPrincipal = entry(byResource, rule.resource.key, () => new Map<string, Rule[]>());
      entry(byPrincipal, rule.principal.key, (): Rule[] => []).push(rule);
    }
  }
  return shards;
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const fresh = make();
  map.set(key, fresh);
  return fresh;
}

/** The conditions of `rule` with its expiry as the first: from then on nothing else of it is looked at. */
export function timedConditions(rule: Rule): Clause[] {
  const { expiresAtMs } = rule.notes;
  if (expiresAtMs === null) return rule.json.conditions;
  const now: Expr = { '.': { left: { Var: 'context' }, attr: 'now' } };
  const end: Expr = { datetime: [{ Value: new Date(expiresAtMs).toISOString() }] };
  return [{ kind: 'when', body: { '<': { left: now, right: end } } }, ...rule.json.conditions];
}
