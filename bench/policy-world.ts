// The policies and questions of the policy bench: teams with a group and segments of their own, half of all policies
// under one top segment, one in a hundred for everybody and everything. Made from a seed, so that each run asks the
// same.

import type { DecisionFacts } from '../src/policy/engine/facts.ts';

export interface PolicyWorld {
  files: Record<string, string>;
  policies: number;
  segments: readonly TeamSegment[];
  /** One realistic question; each call another one. */
  question(): DecisionFacts;
}

/** Policies of one team in one of its segments (see `teamPolicies`). */
const PER_SEGMENT = 10;
const SHARE_OF_WILDCARDS = 0.01;
const OTHER_TOPS = ['staging', 'dev', 'corp', 'lab'] as const;
const REGIONS = ['eu', 'us', 'ap'] as const;
const TASKS = ['read', 'fix', 'restart', 'change'] as const;
const SHORT_SECONDS = [600, 900, 1800, 3600] as const;
/** Most of what is asked for at once is short; some of it is longer than any policy allows. */
const LONG_SECONDS = [7200, 14_400, 28_800, 43_200] as const;
/** A Wednesday morning. */
const FROM_MS = Date.parse('2026-11-18T07:00:00Z');
const WEEK_SECONDS = 7 * 86_400;

/** A world of exactly `count` policies. */
export function makePolicyWorld(count: number, seed = 1): PolicyWorld {
  const random = randomFrom(seed);
  const wild = Math.round(count * SHARE_OF_WILDCARDS);
  const segments = segmentsFor(count - wild);
  const texts: Record<string, string[]> = { everywhere: wildcards(wild) };
  let left = count - wild;
  for (const segment of segments) {
    const policies = teamPolicies(segment).slice(0, left);
    left -= policies.length;
    const file = segment.path.split('/').slice(0, 2).join('-');
    texts[file] = [...(texts[file] ?? []), ...policies];
  }
  return {
    files: Object.fromEntries(
      Object.entries(texts).map(([name, list]) => [`${name}.cedar`, list.join('\n\n')]),
    ),
    policies: count,
    segments,
    question: () => questionAbout(segments, random),
  };
}

export interface TeamSegment {
  team: string;
  path: string;
}

// Half under prod, in three regions; the other half under four more.
function segmentsFor(policies: number): TeamSegment[] {
  const count = Math.ceil(policies / PER_SEGMENT);
  return Array.from({ length: count }, (_, index) => {
    const team = `team-${index >> 1}`;
    const region = pickAt(REGIONS, index >> 1);
    return index % 2 === 0
      ? { team, path: `prod/${region}/${team}` }
      : { team, path: `${pickAt(OTHER_TOPS, index >> 1)}/${region}/${team}` };
  });
}

function teamPolicies({ team, path }: TeamSegment): string[] {
  const top = path.split('/')[0] ?? '';
  const at = path.replaceAll('/', '-');
  const group = `principal in Group::"${team}"`;
  const here = `resource in Segment::"${path}"`;
  const both = 'action in [Action::"request", Action::"autoApprove"]';
  const approvals = `@approvals("1 of Group::\\"${team}-leads\\"")`;
  return [
    `@id("${at}.read")
@description("${team} reads its own at once, for up to an hour.")
@maxDuration("1h") @record("required")
permit (${group}, ${both}, ${here})
when { context.task in Task::"read" && context.duration <= duration("1h") };`,
    `@id("${at}.read-longer") @maxDuration("8h") ${approvals}
permit (${group}, action == Action::"request", ${here})
when { context.task in Task::"read" && context.duration > duration("1h") };`,
    `@id("${at}.fix") @maxDuration("4h") ${approvals}
permit (principal is Person in Group::"${team}", action == Action::"request", ${here})
when { context.task in Task::"fix" && principal.accountType == "employee" };`,
    `@id("${at}.restart") @maxDuration("1h")
permit (${group}, ${both}, ${here})
when { context.task == Task::"restart-${team}" }
unless { context.localTime < duration("6h") && !(context.sourceIp.isInRange(ip("10.0.0.0/8"))) };`,
    `@id("${at}.change") @maxDuration("2h") @approvals("2 of Group::\\"${team}-leads\\"")
permit (${group}, action == Action::"request", ${here})
when { context.task in Task::"change" && context has ticket && context.ticket like "CHG-*" };`,
    // As wide as the top segment, for one group: what shards by top segment alone would ask of everybody.
    `@id("${at}.on-call") @maxDuration("30m")
permit (principal in Group::"${team}-on-call", ${both}, resource in Segment::"${top}")
when { context.task in Task::"read" && context.duration <= duration("30m") };`,
    `@id("${at}.connect")
permit (${group}, action == Action::"connect", ${here});`,
    `@id("${at}.approve")
permit (principal in Group::"${team}-leads", action == Action::"approve", ${here})
when { context.requester.accountType != "robot" };`,
    `@id("${at}.no-nights")
@description("Contractors work by day.")
forbid (principal, action in [Action::"request", Action::"connect"], ${here})
when { principal.accountType == "contractor" && context.localTime < duration("7h") };`,
    `@id("${at}.sensitive")
forbid (principal is Person, action == Action::"request", ${here})
when { resource.sensitivity == Sensitivity::"high" && context.task in Task::"change" }
unless { principal.onCall };`,
  ];
}

// For everybody and everything: guard rails of a security team, and a few permits of a platform team.
function wildcards(count: number): string[] {
  const requests = 'action in [Action::"request", Action::"connect"]';
  return Array.from({ length: count }, (_, index) => {
    const id = `@id("wild-${index}")`;
    const net = `10.${200 + (index % 50)}.${index % 256}.0/24`;
    const forms = [
      `forbid (principal, ${requests}, resource)
when { context.sourceIp.isInRange(ip("${net}")) };`,
      `forbid (principal, ${requests}, resource)
when { principal.accountType == "contractor" && context.dayOfWeek in [Day::"sat", Day::"sun"] && context.task == Task::"fix-${index}" };`,
      `forbid (principal, ${requests}, resource)
when { context.duration > duration("${24 + index}h") }
unless { context has ticket };`,
      `@maxDuration("15m")
permit (principal, action in [Action::"request", Action::"autoApprove"], resource)
when { context.task == Task::"status-${index}" && context.duration <= duration("15m") };`,
      `forbid (principal, ${requests}, resource)
when { context.localTime >= duration("22h") && context.task == Task::"payroll-${index}" };`,
    ];
    return `${id} ${pickAt(forms, index)}`;
  });
}

function questionAbout(segments: readonly TeamSegment[], random: () => number): DecisionFacts {
  const pick = <T>(from: readonly T[]) => pickAt(from, Math.floor(random() * from.length));
  const { team, path } = pick(segments);
  const isPerson = random() < 0.8;
  const task = isPerson ? pick(TASKS) : pick(['read', 'restart']);
  // One in twenty asks for what belongs to another team, and is denied.
  const group = random() < 0.05 ? pick(segments).team : team;
  return {
    principal: {
      id: `prn_${Math.floor(random() * 5000)}`,
      kind: isPerson ? 'person' : 'service',
      name: `someone-${Math.floor(random() * 5000)}`,
      groups: ['everybody', 'engineering', group, ...(random() < 0.2 ? [`${group}-on-call`] : [])],
      accountType: pick(['employee', 'employee', 'employee', 'contractor']),
      title: isPerson ? 'Engineer' : null,
      onCall: random() < 0.2,
      managerId: isPerson ? 'prn_manager' : null,
      sponsorId: null,
    },
    target: {
      name: `db-${Math.floor(random() * 1000)}`,
      segment: random() < 0.3 ? `${path}/replicas` : path,
      environment: path.startsWith('prod') ? 'production' : 'staging',
      kind: 'postgres',
      sensitivity: pick(['low', 'normal', 'normal', 'normal', 'high']),
      owner: team,
    },
    task: { name: `${task}-${team}`, ancestors: [task] },
    context: {
      sourceIp: `10.${Math.floor(random() * 190)}.${Math.floor(random() * 250)}.${1 + Math.floor(random() * 250)}`,
      nowMs: FROM_MS + Math.floor(random() * WEEK_SECONDS) * 1000,
      timeZone: 'Europe/Berlin',
      durationSeconds: pick(random() < 0.85 ? SHORT_SECONDS : LONG_SECONDS),
      purpose: 'look into ticket 4711',
      ticket: task === 'change' || random() < 0.3 ? 'CHG-1' : null,
      mfaAgeSeconds: null,
    },
  };
}

export function pickAt<T>(from: readonly T[], index: number): T {
  const found = from[index % from.length];
  if (found === undefined) throw new RangeError('There is nothing to pick from.');
  return found;
}

/** Mulberry32: 0 ≤ x < 1, the same row for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
