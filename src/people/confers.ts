// What a group or a change of a principal gives: rights over Sallyport itself by the set in force, and a voice in
// approvals. Asked without address and time, as for those who may sign: what could be counts.

import { principalFacts } from '../grants/facts.ts';
import { personOf } from '../grants/handed-voice.ts';
import type { PlatformRight } from '../grants/platform-rights.ts';
import { DIRECTORY, type Principal } from '../identity/principals.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import { isRecord } from '../policy/engine/expressions.ts';
import { couldOnPlatform } from '../policy/engine/possible.ts';
import { groupsOfStages, stagesOf } from '../policy/engine/stages.ts';

const RIGHTS = ['administer', 'audit', 'changePolicy'] as const;
const RIGHT_TEXTS: Readonly<Record<PlatformRight, string>> = {
  administer: 'administer Sallyport',
  audit: 'audit',
  changePolicy: 'change policies',
};

/** A principal as it is, and as it would be. */
export interface Change {
  before: Principal;
  after: Principal;
}

/** Why a change takes a second person, a sentence each; both empty where it does not. */
export interface WhyTwo {
  /** What it gives the principal, who then does not agree to it. */
  gives: string[];
  besides: string[];
}

/** `by` makes the change. Rights that are taken count too: who takes them from all others would be the only one. */
export function whyTwo(policies: CompiledPolicies, { before, after }: Change, by: Principal): WhyTwo {
  const who = after.displayName;
  const had = before.disabled ? [] : rightsOf(policies, before);
  const has = after.disabled ? [] : rightsOf(policies, after);
  const gains = has.filter((right) => !had.includes(right));
  const loses = before.disabled
    ? []
    : rightsOf(policies, before).filter((right) => !rightsOf(policies, after).includes(right));
  const heard = before.disabled ? [] : voicesOf(policies, before);
  const voices = voicesOf(policies, after).filter((group) => !heard.includes(group));
  const gives = [
    ...gains.map((right) => `${who} could then ${RIGHT_TEXTS[right]}.`),
    ...voices.map((group) => `${who} could then approve as one of ${group}.`),
  ];
  const besides = loses.map((right) => `${who} could then no longer ${RIGHT_TEXTS[right]}.`);
  const joins = after.groups.includes(DIRECTORY) && (before.disabled || !before.groups.includes(DIRECTORY));
  if (after.kind === 'service' && joins)
    gives.push(`${who} could then keep people and groups, as a directory.`);
  const me = personOf(by);
  if (personOf(after) === me && JSON.stringify(before) !== JSON.stringify(after))
    besides.push('It is your own account: somebody else has to agree.');
  if (after.managerId !== before.managerId && isOneOf(by, after.managerId))
    besides.push(`You would be the manager of ${who}, and policies may ask a manager to approve.`);
  if (
    after.sponsorId !== before.sponsorId &&
    (before.sponsors.includes(by.id) || isOneOf(by, before.sponsorId))
  )
    besides.push(`You are the sponsor of ${who} now, and sponsors do not approve what they answer for.`);
  return { gives, besides };
}

const isOneOf = (by: Principal, id: string | null) => id !== null && (id === by.id || id === by.samePersonAs);

export function rightsOf(policies: CompiledPolicies, principal: Principal): PlatformRight[] {
  if (principal.kind !== 'person') return [];
  const context = { sourceIp: '127.0.0.1', nowMs: Date.now(), mfaAgeSeconds: null };
  const facts = { principal: principalFacts(principal), context };
  return RIGHTS.filter((right) => couldOnPlatform(policies, right, facts));
}

/** Groups of theirs that some policy asks for approvals. */
function voicesOf(policies: CompiledPolicies, principal: Principal): string[] {
  if (principal.kind !== 'person') return [];
  const asked = askedForApproval(policies);
  return principal.groups.filter((group) => asked.has(group));
}

const asked = new WeakMap<CompiledPolicies, Set<string>>();

function askedForApproval(policies: CompiledPolicies): Set<string> {
  const known = asked.get(policies);
  if (known !== undefined) return known;
  const found = new Set(policies.rules.flatMap((rule) => groupsOfStages(stagesOf(rule.notes.obligations))));
  asked.set(policies, found);
  return found;
}

/** What being in a group gives by itself, a phrase each: for a person about whom nothing else is known. */
export function groupConfers(policies: CompiledPolicies, group: string): string[] {
  const nobody = nameless([]);
  const member = nameless([group]);
  const rights = rightsOf(policies, member).filter((right) => !rightsOf(policies, nobody).includes(right));
  return [
    ...rights.map((right) => RIGHT_TEXTS[right]),
    ...(askedForApproval(policies).has(group) ? ['approve requests'] : []),
    ...(group === DIRECTORY ? ['keep people and groups, as a directory'] : []),
  ];
}

/** Somebody of whom nothing else is known. */
export function nameless(groups: string[]): Principal {
  return {
    id: 'prn_nobody',
    kind: 'person',
    name: 'nobody',
    displayName: 'Nobody',
    accountType: 'employee',
    title: null,
    managerId: null,
    sponsorId: null,
    samePersonAs: null,
    sponsors: [],
    onCallFor: [],
    disabled: false,
    groups,
  };
}

/** Ids of the policies that speak of a group: in scope, conditions or approvals. */
export function policiesNaming(policies: CompiledPolicies, group: string): string[] {
  return policies.rules
    .filter(
      (rule) =>
        speaksOf(rule.json, group) || groupsOfStages(stagesOf(rule.notes.obligations)).includes(group),
    )
    .map((rule) => rule.id);
}

function speaksOf(node: unknown, group: string): boolean {
  if (Array.isArray(node)) return node.some((one) => speaksOf(one, group));
  if (!isRecord(node)) return false;
  if (node.type === 'Group' && node.id === group) return true;
  return Object.values(node).some((one) => speaksOf(one, group));
}
