// Which policies hold. Cedar evaluates every policy by itself, and a denial hides the permits that held as well; an
// explanation wants all of them. So what applies to the question is found by scope, each policy is asked whether it
// holds (a forbid in the form of a permit), and "a forbid beats every permit" is applied here.
// `evaluate.test.ts` holds this against Cedar's own answer on random policies and requests.

import { type Context, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import { type Bundle, bundlesFor, type Entry } from './bundle.ts';
import type { CompiledPolicies } from './compile.ts';
import type { Action } from './facts.ts';
import { likenessOf } from './memory.ts';
import type { Query } from './query.ts';
import type { Rule } from './rule.ts';
import { type Asking, SLOTS, type SlotTable } from './slots.ts';

/** What holds for one action. */
export interface Verdict {
  permits: Rule[];
  forbids: Rule[];
  /** Permits that failed to evaluate: left out. */
  failedPermits: FailedRule[];
  /** Forbids that failed to evaluate: each denies, or one mistake would open every door that it shuts. */
  failedForbids: FailedRule[];
}

export interface FailedRule {
  rule: Rule;
  message: string;
}

/** Whether any permit holds and no forbid does, nor failed. */
export function isPermitted(verdict: Verdict): boolean {
  return verdict.permits.length > 0 && verdict.forbids.length === 0 && verdict.failedForbids.length === 0;
}

/** One verdict for each of `actions`, in their order; one call where no shard is large. */
export function evaluate(policies: CompiledPolicies, actions: readonly Action[], query: Query): Verdict[] {
  const verdicts = actions.map(
    (): Verdict => ({ permits: [], forbids: [], failedPermits: [], failedForbids: [] }),
  );
  const answer = askAll(policies, bundlesFor(policies, actions, query, 'whole'), query);
  const told = (entry: Entry, tell: (verdict: Verdict) => void) => {
    for (const action of entry.actions) {
      const verdict = verdicts[actions.indexOf(action)];
      if (verdict !== undefined) tell(verdict);
    }
  };
  for (const entry of answer.held) {
    const { rule } = entry;
    told(entry, (verdict) => verdict[rule.effect === 'permit' ? 'permits' : 'forbids'].push(rule));
  }
  for (const { entry, message } of answer.failed) {
    const { rule } = entry;
    told(entry, (verdict) =>
      verdict[rule.effect === 'permit' ? 'failedPermits' : 'failedForbids'].push({ rule, message }),
    );
  }
  // Cedar's order is that of a hash table and differs from one process, and one parse, to the next.
  for (const { permits, forbids, failedPermits, failedForbids } of verdicts) {
    permits.sort(byId);
    forbids.sort(byId);
    failedPermits.sort((a, b) => byId(a.rule, b.rule));
    failedForbids.sort((a, b) => byId(a.rule, b.rule));
  }
  return verdicts;
}

/** A policy whose scope and action match, with what of its conditions holds, each alone. */
export interface Near {
  rule: Rule;
  /** Indexes into `rule.conjuncts`. */
  holds: Set<number>;
  fails: number[];
}

/** All permits for `action` whose scope matches and that can hold for the task, conjunct by conjunct. */
export function examine(policies: CompiledPolicies, action: Action, query: Query): Near[] {
  const asked = bundlesFor(policies, [action], query, 'conjuncts');
  const near = new Map<Rule, Near>();
  for (const { rule } of asked.flatMap((bundle) => bundle.entries)) {
    if (!near.has(rule) && typesMatch(rule, query)) near.set(rule, { rule, holds: new Set(), fails: [] });
  }
  for (const { rule, conjunct } of askAll(policies, asked, query).held) {
    if (conjunct !== null) near.get(rule)?.holds.add(conjunct);
  }
  for (const one of near.values()) {
    one.fails = one.rule.conjuncts.map((_, index) => index).filter((index) => !one.holds.has(index));
  }
  return [...near.values()].sort((a, b) => byId(a.rule, b.rule));
}

function byId(a: Rule, b: Rule): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Whether the types in the scope of `rule` are those of the question. */
export function typesMatch(rule: Rule, query: Query): boolean {
  const matches = (type: string | null, actual: string) => type === null || type === actual;
  return (
    matches(rule.principal.type, query.principal.type) && matches(rule.resource.type, query.resource.type)
  );
}

interface Answer {
  held: Entry[];
  failed: { entry: Entry; message: string }[];
}

function askAll(policies: CompiledPolicies, asked: readonly Bundle[], query: Query): Answer {
  const answer: Answer = { held: [], failed: [] };
  for (const bundle of asked) ask(policies.asking ?? SHARED, bundle, query, answer);
  return answer;
}

const SHARED: Asking = { slots: SLOTS, memory: null };

function ask(asking: Asking, bundle: Bundle, query: Query, into: Answer): void {
  const { held, failed } = answerOf(asking, bundle, query);
  let isApartAsked = false;
  const entryAt = (index: number): Entry | null => {
    const entry = bundle.entries[index];
    if (entry !== undefined) return entry;
    if (bundle.apart === null || index !== bundle.entries.length)
      throw new Error(`Cedar named the policy ${index}, which was not asked.`);
    isApartAsked = true;
    return null;
  };
  for (const index of held) {
    const entry = entryAt(index);
    if (entry !== null) into.held.push(entry);
  }
  for (const { index, message } of failed) {
    const entry = entryAt(index);
    if (entry !== null) into.failed.push({ entry, message });
  }
  if (isApartAsked && bundle.apart !== null) ask(asking, bundle.apart, query, into);
}

/** By the numbers under which Cedar knows a slot's policies. */
interface Numbered {
  held: readonly number[];
  failed: readonly { index: number; message: string }[];
}

function answerOf(asking: Asking, bundle: Bundle, query: Query): Numbered {
  const context = query.context(bundle.need);
  const { memory } = asking;
  if (memory === null) return askCedar(asking.slots, bundle, query, context);
  const likeness = likenessOf(bundle, query, context);
  const held = memory.recall(bundle, likeness);
  if (held !== undefined) return { held, failed: [] };
  const answer = askCedar(asking.slots, bundle, query, context);
  if (answer.failed.length === 0) memory.keep(bundle, likeness, answer.held);
  return answer;
}

function askCedar(slots: SlotTable, bundle: Bundle, query: Query, context: Context): Numbered {
  const size = bundle.entries.length + (bundle.apart?.entries.length ?? 0);
  const answer = statefulIsAuthorized({
    principal: query.principal,
    // Every policy in a slot has its action written in, so that one call answers for several.
    action: { type: 'Action', id: 'request' },
    resource: query.resource,
    context,
    entities: query.entities(bundle.need),
    preparsedPolicySetId: slots.slotFor(bundle.slotKey, size, bundle.make),
  });
  if (answer.type === 'failure') {
    throw new Error(`Cedar could not evaluate: ${answer.errors.map((error) => error.message).join('; ')}`);
  }
  const { reason, errors } = answer.response.diagnostics;
  return {
    held: reason.map(numberOf),
    failed: errors.map(({ policyId, error }) => ({ index: numberOf(policyId), message: error.message })),
  };
}

function numberOf(id: string): number {
  return Number(id.slice('policy'.length));
}
