// Whether policy could let somebody do something with Sallyport itself, from whatever address and at whatever time.
// It errs on one side only, towards yes: who counts as able to sign is one more person without whom nothing goes.

import type { CompiledPolicies } from './compile.ts';
import { evaluate, examine } from './evaluate.ts';
import { emptySurvey, type Survey, survey } from './expressions.ts';
import type { PlatformAction, PlatformFacts } from './facts.ts';
import { platformQuery } from './query.ts';
import type { Rule } from './rule.ts';

/** What the caller brings along and the principal is not: it may be another the next time. */
const CIRCUMSTANCES = ['sourceIp', 'now', 'mfaAge'];

/** `facts.context` is where and when somebody asks; conditions on it do not count. Errors as `targetQuery`. */
export function couldOnPlatform(
  policies: CompiledPolicies,
  action: PlatformAction,
  facts: PlatformFacts,
): boolean {
  const query = platformQuery(facts);
  const permitted = examine(policies, action, query).some(
    ({ rule, fails }) =>
      !isOver(rule, facts.context.nowMs) &&
      fails.every((index) => speaksOfCircumstances(surveyOf(rule.conjuncts[index]))),
  );
  if (!permitted) return false;
  const [verdict] = evaluate(policies, [action], query);
  return !verdict?.forbids.some(
    (rule) => rule.notes.expiresAtMs === null && !speaksOfCircumstances(rule.survey),
  );
}

function isOver(rule: Rule, nowMs: number): boolean {
  return rule.notes.expiresAtMs !== null && rule.notes.expiresAtMs <= nowMs;
}

function surveyOf(conjunct: unknown): Survey {
  const spoken = emptySurvey();
  survey(conjunct, spoken);
  return spoken;
}

function speaksOfCircumstances(spoken: Survey): boolean {
  return spoken.wholeContext || CIRCUMSTANCES.some((name) => spoken.attributes.has(name));
}
