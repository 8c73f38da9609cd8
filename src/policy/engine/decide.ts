// The decision on a request: pure, so that an approval, a replay and a preview all come to what the first one came
// to. The table of outcomes is policy.md's: no permit for `request`, deny; a permit for `autoApprove` too, allow;
// else the approvals that the determining permits name.

import { describeDuration, formatDuration } from '../../base/duration.ts';
import { noObligations } from './annotations.ts';
import type { CompiledPolicies } from './compile.ts';
import { evaluate, isPermitted, type Verdict } from './evaluate.ts';
import { explainForbids, explainLack, explainNotAtOnce, hangsOnDuration, type Lack } from './explain.ts';
import type {
  Action,
  Decided,
  DecisionFacts,
  Limit,
  Obligations,
  Permission,
  PlatformAction,
  PlatformFacts,
  PrincipalFacts,
  Reason,
  TargetAction,
} from './facts.ts';
import { brokenLimits, brokenText, leftOf, limitKey } from './limits.ts';
import { mergeObligations } from './obligations.ts';
import { platformQuery, type Query, targetQuery } from './query.ts';
import type { Rule } from './rule.ts';
import { shardsFor } from './shards.ts';
import { underSponsor } from './sponsor.ts';

/** Durations that are tried at most in search of the longest that would pass. */
const MOST_TRIED_DURATIONS = 16;

/**
 * Decides a request. Depends on nothing but its arguments.
 * Errors: Failure where the facts themselves are wrong (see `targetQuery`).
 */
export function decide(policies: CompiledPolicies, facts: DecisionFacts): Decided {
  const own = decideAlone(policies, facts);
  return facts.sponsor === undefined ? own : underSponsor(own, facts.sponsor, asSponsor(policies, facts));
}

/** The same asked by the sponsor of an agent; null for everybody else. */
function asSponsor(policies: CompiledPolicies, facts: DecisionFacts): Decided | null {
  const { sponsor, ...asked } = facts;
  if (sponsor === undefined || sponsor.disabled || facts.principal.kind !== 'agent') return null;
  return decideAlone(policies, { ...asked, principal: sponsor.principal });
}

function decideAlone(policies: CompiledPolicies, facts: DecisionFacts): Decided {
  const query = targetQuery(facts);
  const bare = outcomeOf(policies, facts, query);
  const { outcome, reasons, obligations, determining, alarms, against, heldBack } = bare;
  const decided: Decided = {
    outcome,
    reasons,
    obligations,
    longestSeconds: obligations.maxDurationSeconds,
    enough: [],
    determining,
    alarms,
  };
  if (outcome === 'allow') return decided;
  if (outcome === 'needs-approval') {
    return { ...decided, enough: explainNotAtOnce(policies, query, facts, heldBack) };
  }
  const lack = bare.lacking ? explainLack(policies, 'request', query, facts) : NOTHING;
  const hangsOnDuration = bare.hangsOnDuration && lack.hangsOnDuration;
  const longestSeconds = hangsOnDuration ? longestThatPasses(policies, facts, query) : null;
  const enough = [...against, ...lack.enough];
  if (longestSeconds !== null) enough.unshift(`Ask for ${formatDuration(longestSeconds)} or less.`);
  return { ...decided, reasons: [...reasons, ...lack.reasons], longestSeconds, enough };
}

const NOTHING: Lack = { reasons: [], enough: [], hangsOnDuration: true };

/** What a decision comes to, without the explanation of a no: for replays. Errors as `decide`. */
export function decideOutcome(
  policies: CompiledPolicies,
  facts: DecisionFacts,
): Pick<Decided, 'outcome' | 'obligations' | 'determining'> {
  const own = bareDecision(policies, facts);
  const { sponsor, ...asked } = facts;
  if (sponsor === undefined) return own;
  const isHeld = !sponsor.disabled && facts.principal.kind === 'agent';
  return underSponsor(
    own,
    sponsor,
    isHeld ? bareDecision(policies, { ...asked, principal: sponsor.principal }) : null,
  );
}

function bareDecision(policies: CompiledPolicies, facts: DecisionFacts): Decided {
  return { longestSeconds: null, enough: [], ...outcomeOf(policies, facts, targetQuery(facts)) };
}

interface BareOutcome extends Omit<Decided, 'longestSeconds' | 'enough'> {
  /** True when there is no permit, so that what is lacking can be told. */
  lacking: boolean;
  /** False where what denied would deny any duration. */
  hangsOnDuration: boolean;
  /** What would have to change for the forbids that held. */
  against: string[];
  /** Forbids that alone kept it from being allowed at once. */
  heldBack: Rule[];
}

function outcomeOf(policies: CompiledPolicies, facts: DecisionFacts, query: Query): BareOutcome {
  const [request, auto] = evaluate(policies, ['request', 'autoApprove'], query);
  if (request === undefined || auto === undefined) throw new Error('Two actions have two verdicts.');
  const alarms = [...new Set([...alarmsOf(request), ...alarmsOf(auto)])];
  const base = { alarms, lacking: false, hangsOnDuration: true, against: [], heldBack: [] };
  if (!isPermitted(request)) {
    const refused = refusal(request, facts);
    const forbids = [...request.forbids, ...request.failedForbids.map(({ rule }) => rule)];
    const hangs = forbids.every((rule) => hangsOnDuration(rule.survey));
    return {
      ...base,
      ...refused,
      hangsOnDuration: hangs,
      outcome: 'deny',
      obligations: noObligations(),
    };
  }
  const atOnce = isPermitted(auto);
  const determining = atOnce ? distinct([...request.permits, ...auto.permits]) : request.permits;
  const merged = mergeObligations(determining.map((rule) => rule.notes.obligations));
  // What is allowed at once needs nobody's approval, whatever its policies would want otherwise.
  const obligations = atOnce ? { ...merged, approvals: [] } : merged;
  const ids = determining.map((rule) => rule.id);
  const denied =
    tooLong(determining, obligations, facts) ??
    tooMuch(determining, obligations, facts) ??
    (atOnce ? null : nobodyApproves(obligations, ids));
  if (denied !== null) return { ...base, outcome: 'deny', reasons: denied, obligations, determining: ids };
  return {
    ...base,
    outcome: atOnce ? 'allow' : 'needs-approval',
    reasons: determining.map((rule) => permitReason(rule)),
    obligations,
    determining: ids,
    heldBack: auto.permits.length > 0 ? auto.forbids : [],
  };
}

/** May the gateway or a use-case do `action` for this principal on this target now? Errors as `decide`. */
export function permitted(
  policies: CompiledPolicies,
  action: Exclude<TargetAction, 'request' | 'autoApprove'>,
  facts: DecisionFacts,
): Permission {
  const query = targetQuery(facts);
  const permission = authorize(policies, action, query, facts);
  if (!permission.allowed || (action !== 'extend' && action !== 'breakGlass')) return permission;
  const rules = policies.rules.filter((rule) => permission.determining.includes(rule.id));
  const reasons = tooLong(rules, permission.obligations, facts);
  return reasons === null ? permission : { ...permission, allowed: false, reasons };
}

/**
 * May `approver` approve what `facts` ask (whose principal is the requester)? `sourceIp` is where the approver is,
 * `mfaAgeSeconds` since they used a passkey.
 * Who counts towards a quorum is told apart (quorum.ts).
 */
export function mayApprove(
  policies: CompiledPolicies,
  approver: PrincipalFacts,
  facts: DecisionFacts,
  sourceIp: string = facts.context.sourceIp,
  mfaAgeSeconds: number | null = null,
): Permission {
  const requester = facts.principal;
  const no = (text: string): Permission => ({ ...refusedPermission(), reasons: [none(text)] });
  if (approver.kind !== 'person') return no(`A ${approver.kind} never approves: only people do.`);
  if (approver.id === requester.id) return no('Nobody approves their own request.');
  const context = { ...facts.context, sourceIp, mfaAgeSeconds };
  return permitted(policies, 'approve', { ...facts, principal: approver, context, requester });
}

/** May this principal open a session on the target now, from `facts.context.sourceIp`? */
export function mayConnect(policies: CompiledPolicies, facts: DecisionFacts): Permission {
  return permitted(policies, 'connect', facts);
}

/** May this principal do that with Sallyport itself? */
export function permittedOnPlatform(
  policies: CompiledPolicies,
  action: PlatformAction,
  facts: PlatformFacts,
): Permission {
  return authorize(policies, action, platformQuery(facts), null);
}

function authorize(
  policies: CompiledPolicies,
  action: Action,
  query: Query,
  facts: DecisionFacts | null,
): Permission {
  const [verdict] = evaluate(policies, [action], query);
  if (verdict === undefined) throw new Error('One action has one verdict.');
  const alarms = alarmsOf(verdict);
  if (isPermitted(verdict)) {
    return {
      allowed: true,
      reasons: verdict.permits.map((rule) => permitReason(rule)),
      obligations: mergeObligations(verdict.permits.map((rule) => rule.notes.obligations)),
      enough: [],
      determining: verdict.permits.map((rule) => rule.id),
      alarms,
    };
  }
  const refused = refusal(verdict, facts);
  const lack =
    refused.lacking && facts !== null
      ? explainLack(policies, action, query, facts)
      : { reasons: [], enough: [] };
  return {
    ...refusedPermission(),
    reasons: [...refused.reasons, ...lack.reasons],
    enough: [...refused.against, ...lack.enough],
    determining: refused.determining,
    alarms,
  };
}

function refusedPermission(): Permission {
  return {
    allowed: false,
    reasons: [],
    obligations: noObligations(),
    enough: [],
    determining: [],
    alarms: [],
  };
}

function refusal(
  verdict: Verdict,
  facts: DecisionFacts | null,
): { reasons: Reason[]; determining: string[]; lacking: boolean; against: string[] } {
  const failed = verdict.failedForbids.map(
    ({ rule, message }): Reason => ({
      policy: rule.id,
      effect: 'forbid',
      text: `The policy ${rule.id} forbids some requests and could not be evaluated on this one, so it denies it: ${message}`,
    }),
  );
  const forbids = explainForbids(verdict.forbids, facts);
  const reasons = [...forbids.reasons, ...failed];
  if (reasons.length > 0) {
    const determining = distinct([...verdict.forbids, ...verdict.failedForbids.map(({ rule }) => rule)]);
    return {
      reasons,
      determining: determining.map((rule) => rule.id),
      lacking: false,
      against: forbids.enough,
    };
  }
  return { reasons: [], determining: [], lacking: true, against: [] };
}

function alarmsOf(verdict: Verdict): string[] {
  return [
    ...verdict.failedPermits.map(
      ({ rule, message }) => `The policy ${rule.id} could not be evaluated and was left out: ${message}`,
    ),
    ...verdict.failedForbids.map(
      ({ rule, message }) => `The policy ${rule.id} could not be evaluated and denies: ${message}`,
    ),
  ];
}

function permitReason(rule: Rule): Reason {
  return {
    policy: rule.id,
    effect: 'permit',
    text: rule.notes.description ?? `Permitted by the policy ${rule.id}.`,
  };
}

function tooLong(rules: readonly Rule[], obligations: Obligations, facts: DecisionFacts): Reason[] | null {
  const most = obligations.maxDurationSeconds;
  const asked = facts.context.durationSeconds;
  if (most === null || asked <= most) return null;
  return rules
    .filter((rule) => rule.notes.obligations.maxDurationSeconds === most)
    .map((rule) => ({
      policy: rule.id,
      effect: 'permit',
      text: `${describeDuration(asked)} is longer than the ${describeDuration(most)} that the policy ${rule.id} allows at most.`,
    }));
}

function tooMuch(rules: readonly Rule[], obligations: Obligations, facts: DecisionFacts): Reason[] | null {
  const { use = [], context } = facts;
  const broken = brokenLimits(obligations.limits ?? [], use, context.durationSeconds);
  if (broken.length === 0) return null;
  return broken.map((limit) => ({
    policy: rules.find((rule) => hasLimit(rule, limit))?.id ?? '',
    effect: 'permit',
    text: brokenText(limit, use, context.durationSeconds),
  }));
}

function hasLimit(rule: Rule, limit: Limit): boolean {
  const own = rule.notes.obligations.limits ?? [];
  return own.some((one) => limitKey(one) === limitKey(limit) && one.most === limit.most);
}

// Load refuses policies where this could happen by themselves; a forbid on autoApprove can still bring it about.
function nobodyApproves(obligations: Obligations, ids: readonly string[]): Reason[] | null {
  if (obligations.approvals.length > 0) return null;
  return [none(`This needs an approval, and no policy names who could give it (${ids.join(', ')}).`)];
}

function none(text: string): Reason {
  return { policy: '', effect: 'none', text };
}

function distinct(rules: readonly Rule[]): Rule[] {
  return [...new Set(rules)];
}

// Policies compare a duration with fixed ones only, so the answer can change at those and nowhere else.
function longestThatPasses(policies: CompiledPolicies, facts: DecisionFacts, query: Query): number | null {
  const asked = facts.context.durationSeconds;
  const limits = new Set<number>();
  for (const rule of shardsFor(policies.shards, query).flatMap((shard) => shard.rules)) {
    if (!rule.actions.includes('request') && !rule.actions.includes('autoApprove')) continue;
    const most = rule.notes.obligations.maxDurationSeconds;
    if (most !== null) limits.add(most);
    for (const limit of rule.notes.obligations.limits ?? []) limits.add(leftOf(limit, facts.use ?? []) ?? 0);
    for (const seconds of rule.survey.durations) limits.add(seconds).add(seconds - 1);
  }
  const candidates = [...limits].filter((seconds) => seconds > 0 && seconds < asked).sort((a, b) => b - a);
  for (const durationSeconds of candidates.slice(0, MOST_TRIED_DURATIONS)) {
    const { sponsor, ...asked } = facts;
    const shorter = { ...asked, context: { ...facts.context, durationSeconds } };
    if (decideOutcome(policies, shorter).outcome !== 'deny') return durationSeconds;
  }
  return null;
}
