// Why not, and what would be enough: for each policy whose scope matches, the conditions that are false, each
// evaluated alone, in words and with the value that was found.

import type { CompiledPolicies } from './compile.ts';
import { examine, type Near, typesMatch } from './evaluate.ts';
import { emptySurvey, type Survey, survey } from './expressions.ts';
import type { Action, DecisionFacts, Reason } from './facts.ts';
import type { Query } from './query.ts';
import type { Rule } from './rule.ts';
import { rulesInScope } from './shards.ts';
import { found, phrase } from './words.ts';

/** Ways that one explanation tells at most: the nearest. */
const MOST_WAYS = 8;

export interface Explanation {
  reasons: Reason[];
  enough: string[];
}

export interface Lack extends Explanation {
  /** False where no permit would hold for any other duration either. */
  hangsOnDuration: boolean;
}

/** For an action that no policy permits. */
export function explainLack(
  policies: CompiledPolicies,
  action: Action,
  query: Query,
  facts: DecisionFacts,
): Lack {
  const all = examine(policies, action, query);
  const nearest = nearestOf(all, facts);
  const hangs = all.some(
    (near) =>
      !isExpired(near.rule, facts) &&
      near.fails.every((index) => hangsOnDuration(surveyOf(near.rule, [index]))),
  );
  if (nearest.length === 0) {
    const others = [...rulesInScope(policies.shards, action, query)];
    const isAny = others.some((rule) => rule.effect === 'permit' && typesMatch(rule, query));
    return { reasons: [none(nothingFits(action, facts, isAny))], enough: [], hangsOnDuration: hangs };
  }
  return {
    reasons: nearest.map((near) => ({
      policy: near.rule.id,
      effect: 'permit',
      text: `Not permitted by ${near.rule.id}: ${sentence(near.rule)} ${misses(near, facts)}.`,
    })),
    enough: nearest.map((near) => `${capital(wanted(near, facts))} (policy ${near.rule.id}).`),
    hangsOnDuration: hangs,
  };
}

/** Whether another duration could make a difference to what was surveyed. */
export function hangsOnDuration(spoken: Survey): boolean {
  return spoken.wholeContext || spoken.attributes.has('duration');
}

/** For a request that needs approval: what would make it allowed at once. */
export function explainNotAtOnce(
  policies: CompiledPolicies,
  query: Query,
  facts: DecisionFacts,
  heldBack: readonly Rule[],
): string[] {
  if (heldBack.length > 0) return explainForbids(heldBack, facts).enough;
  const permits = examine(policies, 'autoApprove', query);
  return nearestOf(permits, facts).map((near) => `At once: ${wanted(near, facts)} (policy ${near.rule.id}).`);
}

/** For forbids that hold. `facts` is null for actions on Sallyport itself. */
export function explainForbids(rules: readonly Rule[], facts: DecisionFacts | null): Explanation {
  const values = (rule: Rule) => (facts === null ? '' : valuesFor(rule, rule.conjuncts.keys(), facts));
  return {
    reasons: rules.map((rule) => {
      const conditions = rule.conjuncts.map((conjunct) => phrase(conjunct)).join(' and ');
      const why =
        conditions === '' ? 'It always applies.' : `It applies because ${conditions}${values(rule)}.`;
      return { policy: rule.id, effect: 'forbid', text: `Forbidden by ${rule.id}: ${sentence(rule)} ${why}` };
    }),
    enough: rules.flatMap((rule) => {
      const ways = rule.conjuncts.map((conjunct) => phrase({ '!': { arg: conjunct } })).join(', or ');
      return ways === '' ? [] : [`${capital(ways)}${values(rule)} (policy ${rule.id}).`];
    }),
  };
}

// A policy for another task is no way to this one; it is told only where nothing nearer is left to tell.
function nearestOf(all: readonly Near[], facts: DecisionFacts): Near[] {
  return all
    .filter((near) => !near.fails.some((index) => attributesOf(near.rule, [index]).has('task')))
    .filter((near) => near.fails.length > 0 || isExpired(near.rule, facts))
    .sort((a, b) => a.fails.length - b.fails.length)
    .slice(0, MOST_WAYS);
}

/** `isAny`: whether there is a permit for another task. */
function nothingFits(action: Action, facts: DecisionFacts, isAny: boolean): string {
  const { principal, target, task } = facts;
  const who = `${principal.name} (${principal.groups.length === 0 ? 'in no group' : `groups: ${principal.groups.join(', ')}`})`;
  const verb = action === 'autoApprove' ? 'request at once' : action;
  return isAny
    ? `No policy lets ${who} ${verb} the task ${task.name} on ${target.name} in segment ${target.segment}.`
    : `No policy lets ${who} ${verb} anything on ${target.name} in segment ${target.segment}.`;
}

function isExpired(rule: Rule, facts: DecisionFacts): boolean {
  return rule.notes.expiresAtMs !== null && facts.context.nowMs >= rule.notes.expiresAtMs;
}

function sentence(rule: Rule): string {
  const description = rule.notes.description ?? (rule.effect === 'permit' ? 'A permit.' : 'A forbid.');
  return /[.!?]$/.test(description) ? description : `${description}.`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function misses(near: Near, facts: DecisionFacts): string {
  const parts = near.fails.map((index) => `"${phrase(near.rule.conjuncts[index])}"`);
  const untrue =
    parts.length === 0 ? [] : [`${parts.join(' and ')} ${parts.length === 1 ? 'is' : 'are'} not so`];
  if (isExpired(near.rule, facts)) untrue.unshift(expiryText(near.rule));
  return `${capital(untrue.join(', and '))}${valuesFor(near.rule, near.fails, facts)}`;
}

function wanted(near: Near, facts: DecisionFacts): string {
  const parts = near.fails.map((index) => phrase(near.rule.conjuncts[index]));
  if (isExpired(near.rule, facts))
    parts.unshift(`a policy that is still in force (${expiryText(near.rule)})`);
  return `${parts.join(' and ')}${valuesFor(near.rule, near.fails, facts)}`;
}

function expiryText(rule: Rule): string {
  return `it expired at ${new Date(rule.notes.expiresAtMs ?? 0).toISOString()}`;
}

function valuesFor(rule: Rule, conjuncts: Iterable<number>, facts: DecisionFacts): string {
  const values = found(attributesOf(rule, conjuncts), facts);
  return values === '' ? '' : `; now ${values}`;
}

function attributesOf(rule: Rule, conjuncts: Iterable<number>): Set<string> {
  return surveyOf(rule, conjuncts).attributes;
}

function surveyOf(rule: Rule, conjuncts: Iterable<number>): Survey {
  const spoken = emptySurvey();
  for (const index of conjuncts) survey(rule.conjuncts[index], spoken);
  return spoken;
}

function none(text: string): Reason {
  return { policy: '', effect: 'none', text };
}
