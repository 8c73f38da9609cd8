// Which policies are asked together. A call costs as much as thirty policies that do not hold, so small shards share
// one; a large one (as a rule, that of the policies for everybody and everything) is asked by itself, so that it is
// parsed once and not for every combination of segment and groups. There its forbids are first asked as one,
// "a || b || …": where that is false and does not fail, none of them holds and none fails.

import type { PolicyJson, StaticPolicySet } from '@cedar-policy/cedar-wasm/nodejs';
import type { CompiledPolicies } from './compile.ts';
import { withAction } from './expressions.ts';
import type { Action } from './facts.ts';
import { addNeed, emptyNeed, flatten, type Need } from './flatten.ts';
import type { Query } from './query.ts';
import { predicateOf, type Rule } from './rule.ts';
import { type Shard, shardsFor } from './shards.ts';
import { slotKeyOf } from './slots.ts';

export interface Entry {
  rule: Rule;
  actions: readonly Action[];
  /** Which conjunct alone; null for the whole policy. */
  conjunct: number | null;
}

/** Policies that are asked in one call, and what they need to know. Cedar names the n-th `policy<n>`. */
export interface Bundle {
  slotKey: string;
  entries: readonly Entry[];
  /** Asked when one more policy, behind all entries, holds or fails: it stands for all of these. */
  apart: Bundle | null;
  need: Need;
  make(): StaticPolicySet;
}

/** Whole policies, or each conjunct of each permit alone. */
export type Form = 'whole' | 'conjuncts';

/** Policies in a shard that is still asked together with others. */
const LARGEST_SHARED_SHARD = 24;
/** Questions of one kind remembered for one set of policies; the slots have their own bound. */
const MOST_PLANS = 10_000;

interface Plans {
  byShards: Map<string, readonly Bundle[]>;
  /** What a large shard is asked by, whatever else is asked: made once, since its text is long. */
  large: Map<string, Bundle>;
}

const plans = new WeakMap<CompiledPolicies, Plans>();

/** What to ask for `actions`; no bundle is empty. */
export function bundlesFor(
  policies: CompiledPolicies,
  actions: readonly Action[],
  query: Query,
  form: Form,
): readonly Bundle[] {
  const shards = shardsFor(policies.shards, query, form === 'conjuncts');
  let key = `${form} ${actions.join()}`;
  for (const { id } of shards) key += ` ${id}`;
  let known = plans.get(policies);
  const ready = known?.byShards.get(key);
  if (ready !== undefined) return ready;
  if (known === undefined) {
    known = { byShards: new Map(), large: new Map() };
    plans.set(policies, known);
  }
  const plan = planFor(shards, actions, form, known.large);
  if (known.byShards.size >= MOST_PLANS) known.byShards.clear();
  known.byShards.set(key, plan);
  return plan;
}

function planFor(
  shards: readonly Shard[],
  actions: readonly Action[],
  form: Form,
  made: Map<string, Bundle>,
): Bundle[] {
  const seen = new Set<Rule>();
  const shared: Entry[] = [];
  // What sees the whole context must not see in it what others need.
  const whole: Entry[] = [];
  const large: Bundle[] = [];
  const bundleOf = form === 'whole' ? wholeBundle : conjunctBundle;
  for (const { id, rules } of shards) {
    const key = `${form} ${actions.join()} ${id}`;
    const known = made.get(key);
    const fresh = rules.filter((rule) => !seen.has(rule));
    for (const rule of fresh) seen.add(rule);
    if (known !== undefined && fresh.length === rules.length) {
      large.push(known);
      continue;
    }
    const entries = fresh.flatMap((rule) => entriesOf(rule, actions, form));
    const own = entries.filter(({ rule }) => !rule.need.wholeContext);
    whole.push(...entries.filter(({ rule }) => rule.need.wholeContext));
    if (own.length <= LARGEST_SHARED_SHARD) {
      shared.push(...own);
      continue;
    }
    const bundle = bundleOf(own);
    large.push(bundle);
    // Only what stands for the whole of a shard stands for it again.
    if (own.length === entries.length && fresh.length === rules.length) made.set(key, bundle);
  }
  const small = [shared, whole].filter((entries) => entries.length > 0).map(bundleOf);
  return [...small, ...large];
}

function entriesOf(rule: Rule, actions: readonly Action[], form: Form): Entry[] {
  const asked = actions.filter((action) => rule.actions.includes(action));
  if (asked.length === 0) return [];
  if (form === 'whole') {
    return rule.textByAction === null
      ? [{ rule, actions: asked, conjunct: null }]
      : asked.map((action) => ({ rule, actions: [action], conjunct: null }));
  }
  if (rule.effect === 'forbid') return [];
  const each = rule.conjuncts.map((_, conjunct): Entry => ({ rule, actions: asked, conjunct }));
  // A policy without conditions still has to be there to be told of.
  return each.length > 0 ? each : [{ rule, actions: asked, conjunct: null }];
}

function wholeBundle(entries: readonly Entry[]): Bundle {
  const forbids = entries.filter(({ rule }) => rule.effect === 'forbid');
  if (entries.length <= LARGEST_SHARED_SHARD || forbids.length < 2) return textBundle(entries, null);
  const permits = entries.filter(({ rule }) => rule.effect === 'permit');
  return textBundle(permits, textBundle(forbids, null));
}

function textBundle(entries: readonly Entry[], apart: Bundle | null): Bundle {
  const make = () => {
    const texts = entries.map(textOf);
    if (apart !== null) texts.push(anyOf(apart.entries));
    return texts.join('\n');
  };
  const need = needOf([...entries, ...(apart?.entries ?? [])]);
  return { slotKey: slotKeyOf(make()), entries, apart, need, make };
}

function textOf({ rule, actions: [action] }: Entry): string {
  return (action === undefined ? undefined : rule.textByAction?.[action]) ?? rule.text;
}

function anyOf(entries: readonly Entry[]): string {
  const predicates = entries.map((entry) => predicateOf(entry.rule, textOf(entry)));
  return `permit (principal, action, resource) when { ${either(predicates)} };`;
}

// As a balanced tree: Cedar evaluates a chain by recursion, one level for each policy.
function either(predicates: readonly string[]): string {
  const half = predicates.length >> 1;
  if (half === 0) return predicates.join('');
  return `(${either(predicates.slice(0, half))} || ${either(predicates.slice(half))})`;
}

function conjunctBundle(entries: readonly Entry[]): Bundle {
  const make = () => Object.fromEntries(entries.map((entry, index) => [`policy${index}`, conjunctOf(entry)]));
  return { slotKey: slotKeyOf(JSON.stringify(make())), entries, apart: null, need: needOf(entries), make };
}

function conjunctOf({ rule, actions: [action], conjunct }: Entry): PolicyJson {
  const all = { op: 'All' } as const;
  const body = conjunct === null ? undefined : rule.conjuncts[conjunct];
  const clauses = body === undefined ? [] : [{ kind: 'when' as const, body: flatten(body, emptyNeed()) }];
  const conditions =
    rule.textByAction === null || action === undefined ? clauses : withAction(clauses, action);
  return { effect: 'permit', principal: all, action: all, resource: all, conditions };
}

function needOf(entries: readonly Entry[]): Need {
  const need = emptyNeed();
  for (const { rule } of entries) addNeed(rule.need, need);
  return need;
}
