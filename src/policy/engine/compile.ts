// From policy files to rules that can be found by scope. All or nothing: one mistake anywhere refuses the set, and
// the failure lists every mistake with its file, line and reason.

import { readFileSync } from 'node:fs';
import { type DetailedError, policySetTextToParts, validate } from '@cedar-policy/cedar-wasm/nodejs';
import { digestOf } from '../../base/canonical-json.ts';
import { Failure } from '../../base/errors.ts';
import { problemOf, type Rule, readRule } from './rule.ts';
import { type Shards, shardsOf } from './shards.ts';
import { LineFinder, type PolicyProblem, placesOf } from './source.ts';

export const MOST_FILES = 200;
export const LARGEST_FILE_BYTES = 5 * 1024 * 1024;
export const LARGEST_SET_BYTES = 20 * 1024 * 1024;
export const MOST_POLICIES = 50_000;
/** Mistakes that one failure lists. */
const MOST_PROBLEMS = 100;

/** The schema's text, for whoever writes policies. */
export const SCHEMA = readFileSync(new URL('../schema.cedarschema', import.meta.url), 'utf8');

export interface CompiledPolicies {
  /** Of the files: the same text is the same policy. */
  digest: string;
  rules: readonly Rule[];
  shards: Shards;
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
    const read = readRule(file, index, part, places[index] ?? null);
    problems.push(...read.problems);
    return read.rule;
  });
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
