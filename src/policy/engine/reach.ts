// How far somebody reaches: for how long at once, for how long with whose approval, or what is in the way. Policies
// compare a duration with fixed ones only, so trying those finds every change of the answer.

import { LONGEST_DURATION_SECONDS } from '../../base/duration.ts';
import { pathsDownTo } from '../../base/segment-path.ts';
import type { CompiledPolicies } from './compile.ts';
import { decide, decideOutcome, mayConnect } from './decide.ts';
import type { ApprovalStage, DecisionFacts, PrincipalFacts } from './facts.ts';
import { Memory } from './memory.ts';
import type { Rule } from './rule.ts';
import { SlotTable } from './slots.ts';

/** Durations that are tried for one pair of principal and place, the longest first. */
const MOST_TRIED_DURATIONS = 16;
/** Short enough for any policy: what it does not pass, a condition other than the duration keeps out. */
const SHORT_SECONDS = 60;
const MOST_WAYS = 3;

/** Of the process; parsed apart, so that who looks at many takes nothing from what requests use. */
const SLOTS_OF_REACH = new SlotTable('reach', { slots: 512, policies: 4_000 });
const MOST_ANSWERS = 20_000;
const views = new WeakMap<CompiledPolicies, CompiledPolicies>();

/** The same set, for deciding about many principals and places in a row. */
export function forMany(policies: CompiledPolicies): CompiledPolicies {
  const known = views.get(policies);
  if (known !== undefined) return known;
  const asking = { slots: SLOTS_OF_REACH, memory: new Memory(MOST_ANSWERS) };
  const view = { ...policies, asking };
  views.set(policies, view);
  return view;
}

export interface Reach {
  atOnceSeconds: number | null;
  /** The longest with approval, where that is longer than at once. */
  approvalSeconds: number | null;
  approvals: ApprovalStage[];
  policies: string[];
  /** May a session be opened, from the address in the facts? */
  opens: boolean;
  /** Where nothing passes: what would be enough. */
  enough: string[];
  /** How many decisions it took. */
  decisions: number;
}

/** `facts.context.durationSeconds` does not matter. Errors as `decide`. */
export function reachOf(policies: CompiledPolicies, facts: DecisionFacts): Reach {
  const none: Reach = {
    atOnceSeconds: null,
    approvalSeconds: null,
    approvals: [],
    policies: [],
    opens: false,
    enough: [],
    decisions: 0,
  };
  const rules = rulesInScope(policies, facts);
  if (!rules.some((rule) => rule.effect === 'permit' && rule.actions.includes('request'))) return none;
  const lasting = (durationSeconds: number): DecisionFacts => ({
    ...facts,
    context: { ...facts.context, durationSeconds },
  });
  const found = { ...none };
  const named = new Set<string>();
  for (const seconds of durationsOf(rules)) {
    const { outcome, obligations, determining } = decideOutcome(policies, lasting(seconds));
    found.decisions++;
    if (outcome === 'needs-approval' && found.approvalSeconds === null) {
      found.approvalSeconds = seconds;
      found.approvals = obligations.approvals;
      for (const id of determining) named.add(id);
    }
    if (outcome === 'allow') {
      found.atOnceSeconds = seconds;
      for (const id of determining) named.add(id);
      break;
    }
  }
  if (named.size === 0) {
    const { enough } = decide(policies, lasting(SHORT_SECONDS));
    return { ...found, enough: enough.slice(0, MOST_WAYS), decisions: found.decisions + 1 };
  }
  const opens = mayConnect(policies, lasting(SHORT_SECONDS)).allowed;
  return { ...found, policies: [...named].sort(), opens, decisions: found.decisions + 1 };
}

/**
 * A text that is the same for principals whom these policies cannot tell apart: the groups that some policy names,
 * the attributes that some policy reads, and the principal itself where a policy names it.
 */
export function likenessUnder(policies: CompiledPolicies): {
  keyOf(principal: PrincipalFacts): string;
  groupsOf(principal: PrincipalFacts): string[];
} {
  const entities = new Set<string>();
  const attributes = new Set<string>();
  for (const { survey, principal } of policies.rules) {
    entities.add(principal.key);
    for (const key of survey.entities) entities.add(key);
    for (const name of survey.attributes) attributes.add(name);
  }
  const groupsOf = (principal: PrincipalFacts) =>
    principal.groups.filter((name) => entities.has(`Group::${name}`)).sort();
  return {
    groupsOf,
    keyOf: (principal) => {
      const { kind, name, groups: _, ...others } = principal;
      // A fact that is no attribute by its own name tells principals apart: too many rows are better than a wrong one.
      const told = Object.entries(others).filter(
        ([fact]) => !ATTRIBUTES.includes(fact) || attributes.has(fact),
      );
      const named = NAMED_TYPES.some((type) => entities.has(`${type}::${name}`));
      return JSON.stringify([kind, groupsOf(principal), told, named ? name : null]);
    },
  };
}

/** Facts that reach policies as the attribute of the same name, and not otherwise. */
const ATTRIBUTES = ['id', 'accountType', 'title', 'onCall', 'managerId', 'sponsorId'];
const NAMED_TYPES = ['Person', 'Service', 'Agent'];

/** Every policy that can have a part in the decision on a request, by its scope: a few of ten thousand. */
export function rulesInScope(
  policies: CompiledPolicies,
  { principal, target, sponsor }: DecisionFacts,
): Rule[] {
  const onto = new Set([
    '*',
    `Target::${target.name}`,
    `Environment::${target.environment}`,
    ...pathsDownTo(target.segment).map((path) => `Segment::${path}`),
  ]);
  // An agent reaches no further than its sponsor, so the sponsor's policies have a part in it too.
  const asking = sponsor === undefined ? [principal] : [principal, sponsor.principal];
  const types = { person: 'Person', service: 'Service', agent: 'Agent' };
  const by = new Set([
    '*',
    ...asking.flatMap(({ kind, name, groups }) => [
      `${types[kind]}::${name}`,
      ...groups.map((group) => `Group::${group}`),
    ]),
  ]);
  return policies.rules.filter(
    (rule) =>
      (rule.actions.includes('request') || rule.actions.includes('autoApprove')) &&
      onto.has(rule.resource.key) &&
      by.has(rule.principal.key),
  );
}

function durationsOf(rules: readonly Rule[]): number[] {
  const tried = new Set<number>([LONGEST_DURATION_SECONDS, SHORT_SECONDS]);
  for (const { notes, survey } of rules) {
    const most = notes.obligations.maxDurationSeconds;
    if (most !== null) tried.add(most);
    for (const seconds of survey.durations) tried.add(seconds).add(seconds - 1);
  }
  const sorted = [...tried].filter((seconds) => seconds > 0 && seconds <= LONGEST_DURATION_SECONDS);
  sorted.sort((a, b) => b - a);
  // The shortest stays whatever the limit: it finds what no limit of a duration keeps out.
  return sorted.length <= MOST_TRIED_DURATIONS
    ? sorted
    : [...sorted.slice(0, MOST_TRIED_DURATIONS - 1), SHORT_SECONDS];
}
