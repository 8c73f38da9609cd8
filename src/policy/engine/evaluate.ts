// Which policies hold. Cedar evaluates every policy by itself, and a denial hides the permits that held as well; an
// explanation wants all of them. So what applies to the question is found by scope, each policy is asked in one
// call whether it holds (a forbid in the form of a permit), and "a forbid beats every permit" is applied here.
// `evaluate.test.ts` holds this against Cedar's own answer on random policies and requests.

import { type EntityJson, type PolicyJson, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import { type CompiledPolicies, type Rule, timedConditions } from './compile.ts';
import { withAction } from './expressions.ts';
import type { Action } from './facts.ts';
import type { Need, Query } from './query.ts';
import { slotFor } from './slots.ts';

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

interface Entry {
  rule: Rule;
  action: Action;
  /** Which conjunct alone; null for the whole policy. */
  conjunct: number | null;
}

/** Policies that are asked together, and what they need to know. */
interface Bundle {
  slotKey: string;
  entries: Entry[];
  need: Need;
}

/** Whole policies, or each conjunct of each permit alone. */
type Form = 'whole' | 'conjuncts';

/** Policies in a shard that is still asked together with others. */
const LARGEST_SHARED_SHARD = 24;
/** Bundles remembered for one set of policies; the slots have their own bound. */
const MOST_BUNDLES = 4_000;
const bundles = new WeakMap<CompiledPolicies, Map<string, Bundle>>();

/** Whether any permit holds and no forbid does, nor failed. */
export function isPermitted(verdict: Verdict): boolean {
  return verdict.permits.length > 0 && verdict.forbids.length === 0 && verdict.failedForbids.length === 0;
}

/** One verdict for each of `actions`, in their order; one call where no shard is large. */
export function evaluate(policies: CompiledPolicies, actions: readonly Action[], query: Query): Verdict[] {
  const verdicts = actions.map(
    (): Verdict => ({ permits: [], forbids: [], failedPermits: [], failedForbids: [] }),
  );
  const answer = askAll(bundlesFor(policies, actions, query, 'whole'), query);
  for (const entry of answer.held) {
    const verdict = verdicts[actions.indexOf(entry.action)];
    verdict?.[entry.rule.effect === 'permit' ? 'permits' : 'forbids'].push(entry.rule);
  }
  for (const { entry, message } of answer.failed) {
    const verdict = verdicts[actions.indexOf(entry.action)];
    const failed = { rule: entry.rule, message };
    verdict?.[entry.rule.effect === 'permit' ? 'failedPermits' : 'failedForbids'].push(failed);
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

/** All permits for `action` whose scope matches, conjunct by conjunct. */
export function examine(policies: CompiledPolicies, action: Action, query: Query): Near[] {
  const asked = bundlesFor(policies, [action], query, 'conjuncts');
  const near = new Map<Rule, Near>();
  for (const { rule } of asked.flatMap((bundle) => bundle.entries)) {
    if (!near.has(rule) && typesMatch(rule, query)) near.set(rule, { rule, holds: new Set(), fails: [] });
  }
  for (const { rule, conjunct } of askAll(asked, query).held) {
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

function typesMatch(rule: Rule, query: Query): boolean {
  const matches = (type: string | null, actual: string) => type === null || type === actual;
  return (
    matches(rule.principal.type, query.principal.type) && matches(rule.resource.type, query.resource.type)
  );
}

interface Answer {
  held: Entry[];
  failed: { entry: Entry; message: string }[];
}

function askAll(asked: readonly Bundle[], query: Query): Answer {
  const answers = asked.filter((bundle) => bundle.entries.length > 0).map((bundle) => ask(bundle, query));
  return {
    held: answers.flatMap((answer) => answer.held),
    failed: answers.flatMap((answer) => answer.failed),
  };
}

function ask(bundle: Bundle, query: Query): Answer {
  const entities: EntityJson[] = query.entities(bundle.need);
  const answer = statefulIsAuthorized({
    principal: query.principal,
    // Every policy in a slot has its action written in, so that one call answers for several.
    action: { type: 'Action', id: 'request' },
    resource: query.resource,
    context: query.context(bundle.need),
    entities,
    preparsedPolicySetId: slotFor(bundle.slotKey, () => policiesOf(bundle)),
  });
  if (answer.type === 'failure') {
    throw new Error(`Cedar could not evaluate: ${answer.errors.map((error) => error.message).join('; ')}`);
  }
  const { reason, errors } = answer.response.diagnostics;
  const entryOf = (id: string): Entry => {
    const entry = bundle.entries[Number(id)];
    if (entry === undefined) throw new Error(`Cedar named the policy ${id}, which was not asked.`);
    return entry;
  };
  return {
    held: reason.map(entryOf),
    failed: errors.map((error) => ({ entry: entryOf(error.policyId), message: error.error.message })),
  };
}

// Small shards are asked together, because a call costs more than a few policies do. A large one (as a rule, that of
// the policies for everybody and everything) is asked by itself, so that it is parsed once and not for every
// combination of segment and groups.
function bundlesFor(
  policies: CompiledPolicies,
  actions: readonly Action[],
  query: Query,
  form: Form,
): Bundle[] {
  const shards = actions.flatMap((action) => shardsFor(policies, action, query));
  const small = shards.filter(({ rules }) => rules.length <= LARGEST_SHARED_SHARD);
  const large = shards.filter(({ rules }) => rules.length > LARGEST_SHARED_SHARD);
  return [bundleOf(policies, small, form), ...large.map((shard) => bundleOf(policies, [shard], form))];
}

function bundleOf(policies: CompiledPolicies, shards: readonly Shard[], form: Form): Bundle {
  const key = JSON.stringify([policies.digest, form, shards.map((shard) => shard.key)]);
  const known = bundles.get(policies) ?? new Map<string, Bundle>();
  bundles.set(policies, known);
  const ready = known.get(key);
  if (ready !== undefined) return ready;
  const entries = shards.flatMap(({ rules, key: [action] }) =>
    rules.flatMap((rule) => entriesOf(rule, action, form)),
  );
  const bundle: Bundle = { slotKey: key, entries, need: needOf(entries) };
  if (known.size >= MOST_BUNDLES) known.clear();
  known.set(key, bundle);
  return bundle;
}

function entriesOf(rule: Rule, action: Action, form: Form): Entry[] {
  if (form === 'whole') return [{ rule, action, conjunct: null }];
  if (rule.effect === 'forbid') return [];
  const each = rule.conjuncts.map((_, conjunct): Entry => ({ rule, action, conjunct }));
  // A policy without conditions still has to be there to be told of.
  return each.length > 0 ? each : [{ rule, action, conjunct: null }];
}

interface Shard {
  key: [action: Action, resource: string, principal: string];
  rules: readonly Rule[];
}

function shardsFor(policies: CompiledPolicies, action: Action, query: Query): Shard[] {
  const found: Shard[] = [];
  const byResource = policies.shards.get(action);
  for (const resourceKey of query.resourceKeys) {
    const byPrincipal = byResource?.get(resourceKey);
    if (byPrincipal === undefined) continue;
    for (const principalKey of query.principalKeys) {
      const rules = byPrincipal.get(principalKey);
      if (rules !== undefined) found.push({ key: [action, resourceKey, principalKey], rules });
    }
  }
  return found;
}

function needOf(entries: readonly Entry[]): Need {
  const need = { attributes: new Set<string>(), entities: new Set<string>(), wholeContext: false };
  for (const { rule } of entries) {
    for (const name of rule.survey.attributes) need.attributes.add(name);
    for (const key of rule.survey.entities) need.entities.add(key);
    if (rule.survey.wholeContext) need.wholeContext = true;
    if (rule.notes.expiresAtMs !== null) need.attributes.add('now');
  }
  return need;
}

function policiesOf(bundle: Bundle): Record<string, PolicyJson> {
  return Object.fromEntries(bundle.entries.map((entry, index) => [String(index), policyOf(entry)]));
}

function policyOf({ rule, action, conjunct }: Entry): PolicyJson {
  const all = { op: 'All' } as const;
  if (conjunct === null) {
    const conditions = withAction(timedConditions(rule), action);
    return {
      effect: 'permit',
      principal: rule.json.principal,
      action: all,
      resource: rule.json.resource,
      conditions,
    };
  }
  const body = rule.conjuncts[conjunct];
  if (body === undefined) throw new Error(`The policy ${rule.id} has no condition ${conjunct}.`);
  const conditions = withAction([{ kind: 'when' as const, body }], action);
  return { effect: 'permit', principal: all, action: all, resource: all, conditions };
}
