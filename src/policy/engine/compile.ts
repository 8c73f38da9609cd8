// From policy files to rules that can be found by scope. All or nothing: one mistake anywhere refuses the set, and
// the failure lists every mistake with its file, line and reason.

import { readFileSync } from 'node:fs';
import { type DetailedError, policySetTextToParts, validate } from '@cedar-policy/cedar-wasm/nodejs';
import { digestOf } from '../../base/canonical-json.ts';
import { Failure } from '../../base/errors.ts';
import { isPolicyFileName } from './packs.ts';
import { problemOf, type Rule, readRule } from './rule.ts';
import { addToShards, newShards, type Shards } from './shards.ts';
import type { Asking } from './slots.ts';
import { LineFinder, type PolicyProblem, placesOf } from './source.ts';

export const MOST_FILES = 200;
export const LARGEST_FILE_BYTES = 5 * 1024 * 1024;
export const LARGEST_SET_BYTES = 20 * 1024 * 1024;
export const MOST_POLICIES = 50_000;
/** Policies handed on together: a few milliseconds for whoever takes them. */
const TAKEN_AT_ONCE = 100;
/** Mistakes that one failure lists. */
const MOST_PROBLEMS = 100;

/** The schema's text, for whoever writes policies. */
export const SCHEMA = readFileSync(new URL('../schema.cedarschema', import.meta.url), 'utf8');

/** Text by file name. */
export type PolicySources = Readonly<Record<string, string>>;

export interface CompiledPolicies {
  /** Of the files: the same text is the same policy. */
  digest: string;
  rules: readonly Rule[];
  shards: Shards;
  /** Where its questions go; left out: to the slots that all share, and nothing is kept. */
  asking?: Asking;
}

/**
 * `files`: names such as `orders.cedar` and their Cedar text. Half a millisecond a policy, in which nothing else
 * happens: `compileAside` does it in a thread.
 * Errors: Failure `policy-invalid`, whose `facts.errors` are the PolicyProblems (at most a hundred).
 */
export function compilePolicies(files: PolicySources): CompiledPolicies {
  const rules: Rule[] = [];
  const { digest } = readPolicies(files, (some) => rules.push(...some));
  const shards = newShards();
  addToShards(shards, rules);
  return { digest, rules, shards };
}

/** The same as `compilePolicies`, in parts: `take` gets rules, some at a time, before the whole is known to be good. */
export function readPolicies(
  files: PolicySources,
  take: (rules: readonly Rule[]) => void,
): { digest: string } {
  refuse(limitProblems(files));
  const problems: PolicyProblem[] = [];
  const seen = new Map<string, Rule>();
  let count = 0;
  for (const [file, text] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const parts = partsOf(file, text, problems);
    count += parts.length;
    if (count > MOST_POLICIES) {
      refuse([wholeSet(`There are more than the ${MOST_POLICIES} policies that are allowed.`, file)]);
    }
    const rules = readFile(file, text, parts, problems, take);
    for (const rule of rules) {
      const other = seen.get(rule.id);
      if (other !== undefined) {
        problems.push(
          problemOf(rule, `The id "${rule.id}" is already that of the policy in line ${other.line}.`),
        );
      }
      seen.set(rule.id, rule);
    }
  }
  refuse(problems);
  return { digest: digestOf(files) };
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

function limitProblems(files: PolicySources): PolicyProblem[] {
  const names = Object.keys(files);
  if (names.length > MOST_FILES) return [wholeSet(`There are ${names.length} files; at most ${MOST_FILES}.`)];
  const problems: PolicyProblem[] = [];
  let total = 0;
  for (const name of names) {
    const bytes = Buffer.byteLength(files[name] ?? '', 'utf8');
    total += bytes;
    if (!isPolicyFileName(name)) {
      const shown = name.slice(0, 80);
      problems.push(
        wholeSet(
          'A policy file is named like orders.cedar or packs/prod/eu/orders.cedar: lower-case letters, digits and . _ -.',
          shown,
        ),
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

/** The text of each policy; none where the file cannot be parsed. */
function partsOf(file: string, text: string, problems: PolicyProblem[]): string[] {
  const parts = policySetTextToParts(text);
  if (parts.type === 'failure') {
    const lines = new LineFinder(text);
    problems.push(...parts.errors.map((error) => cedarProblem(file, lines, error, null)));
    return [];
  }
  if (parts.policy_templates.length > 0) {
    problems.push(
      wholeSet('Templates (?principal, ?resource) are not used here; write out the policy.', file),
    );
    return [];
  }
  return inFileOrder(parts.policies);
}

function readFile(
  file: string,
  text: string,
  parts: readonly string[],
  problems: PolicyProblem[],
  take: (rules: readonly Rule[]) => void,
): Rule[] {
  const lines = new LineFinder(text);
  const places = placesOf(parts, text, lines);
  const rules: Rule[] = [];
  for (let from = 0; from < parts.length; from += TAKEN_AT_ONCE) {
    const some = parts.slice(from, from + TAKEN_AT_ONCE).map((part, at) => {
      const read = readRule(file, from + at, part, places[from + at] ?? null);
      problems.push(...read.problems);
      return read.rule;
    });
    rules.push(...some);
    take(some);
  }
  if (rules.length === 0) return rules;
  // The whole file at once: one by one, the schema would be read for each.
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
  return rules;
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

/** The same set without what has expired by then, under a digest of its own where anything has. */
export function withoutExpired(policies: CompiledPolicies, atMs: number): CompiledPolicies {
  const rules = policies.rules.filter(({ notes }) => notes.expiresAtMs === null || notes.expiresAtMs > atMs);
  if (rules.length === policies.rules.length) return policies;
  const shards = newShards();
  addToShards(shards, rules);
  return { ...policies, digest: `${policies.digest} at ${atMs}`, rules, shards };
}
