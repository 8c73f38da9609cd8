// Random policies and questions over the whole of the schema, and Cedar's own answer to them: sharded, cut down and
// asked in few calls, the engine must come to the same. For the property test, the fault runs and the bench.

import assert from 'node:assert/strict';
import {
  isAuthorized,
  preparsePolicySet,
  type Response,
  statefulIsAuthorized,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import { pathsDownTo } from '../../src/base/segment-path.ts';
import { type CompiledPolicies, compilePolicies, SCHEMA } from '../../src/policy/engine/compile.ts';
import { evaluate, isPermitted } from '../../src/policy/engine/evaluate.ts';
import {
  type Action,
  type DecisionFacts,
  PLATFORM_ACTIONS,
  type PlatformFacts,
  type PrincipalFacts,
} from '../../src/policy/engine/facts.ts';
import { platformQuery, type Query, targetQuery } from '../../src/policy/engine/query.ts';

/** One policy: as it is published, and as plain Cedar says the same. */
export interface ModelPolicy {
  ours: string;
  plain: string;
}

export type Question =
  | { actions: readonly Action[]; about: 'target'; facts: DecisionFacts }
  | { actions: readonly Action[]; about: 'platform'; facts: PlatformFacts };

/** `a/b/c` is in `a/b` and in `a`. */
const GROUPS = ['engineering', 'engineering/platform', 'engineering/platform/eu', 'dba', 'ops', 'ops/night'];
const TASKS = ['read', 'read/orders', 'read/orders/new', 'fix', 'fix/orders', 'change'];
const SEGMENTS = ['prod', 'prod/eu', 'prod/eu/orders', 'prod/eu/orders/archive', 'prod/us', 'test'];
const ENVIRONMENTS = ['production', 'staging', 'lab'];
const NAMES = ['ada', 'bob', 'deploy-bot'];
const TARGETS = ['orders-db', 'host-7'];
const ids = (names: readonly string[]) => names.map((path) => path.replaceAll('/', '-'));
const OVERFLOW = '9007199254740991';

const on = (...actions: Action[]) =>
  actions.length === 1
    ? `action == Action::"${actions[0]}"`
    : `action in [${actions.map((action) => `Action::"${action}"`).join(', ')}]`;

const principalScope = fc.constantFrom(
  ...[
    'principal',
    'principal',
    'principal',
    'principal is Person',
    'principal is Service',
    'principal is Agent',
  ],
  ...ids(GROUPS).map((group) => `principal in Group::"${group}"`),
  ...ids(GROUPS).map((group) => `principal is Person in Group::"${group}"`),
  ...['principal is Agent in Group::"ops"', 'principal is Service in Group::"engineering"'],
  ...NAMES.flatMap((name) => [`principal == Person::"${name}"`, `principal in Service::"${name}"`]),
  'principal == Agent::"ada"',
);
const resourceScope = fc.constantFrom(
  ...['resource', 'resource', 'resource', 'resource is Target', 'resource is Target in Segment::"prod/eu"'],
  ...SEGMENTS.map((segment) => `resource in Segment::"${segment}"`),
  ...ENVIRONMENTS.map((name) => `resource in Environment::"${name}"`),
  ...TARGETS.map((name) => `resource == Target::"${name}"`),
);
const platformScope = fc.constantFrom(
  'resource',
  'resource == Platform::"sallyport"',
  'resource is Platform',
);

const COMMON = [
  'context.sourceIp.isInRange(ip("10.0.0.0/8"))',
  'context.sourceIp.isLoopback() || context.sourceIp.isIpv6()',
  ...['context.now < datetime("2026-11-24")', 'datetime("2026-11-23T12:00:00Z") <= context.now'],
  'context.now > datetime("2026-11-23T12:00:00.500Z") || context.now < datetime("2026-11-22T01:30:00+0130")',
  'context.sourceIp.isInRange(ip("10.0.0.1")) || context.sourceIp.isInRange(ip("0.0.0.0/1"))',
  'context.sourceIp.isInRange(ip("::/1")) && !(context.sourceIp.isInRange(ip("::ffff:0:0/96")))',
  ...['context.sourceIp == ip("127.0.0.1")', 'context.sourceIp.isInRange(ip("10.9.255.255/15"))'],
  ...['context has mfaAge && duration("5m") >= context.mfaAge', 'context == context'],
  'principal is Person in Group::"ops" || principal is Service in Group::"ops-night"',
  'principal in [Group::"ops-night"] && (if principal has title then principal else principal).id != "x"',
  'context has mfaAge && context.mfaAge < duration("5m")',
  `context has mfaAge && context.mfaAge.toSeconds() * ${OVERFLOW} > 0`,
  'if context has mfaAge then context.mfaAge < duration("5m") else principal.accountType == "robot"',
  `context.now.toTime().toSeconds() * ${OVERFLOW} >= 0`,
  ...['principal.accountType == "employee"', 'principal.id like "prn_*"', 'principal has sponsorId'],
  `principal.accountType == "contractor" && context.now.toTime().toSeconds() * ${OVERFLOW} >= 0`,
  `context.now.toTime().toSeconds() * ${OVERFLOW} >= 0 && principal.accountType == "contractor"`,
  ...['["employee", "robot"].contains(principal.accountType)', 'principal.accountType != "employee"'],
  'principal in [Group::"dba", Group::"ops"]',
  'principal in Group::"engineering-platform"',
  'principal == Person::"ada" || principal is Agent',
  'principal has title && principal.title like "*engineer*"',
  'principal is Person && principal.onCall',
  'principal is Person && principal has managerId && principal.managerId == "prn_bob"',
];
const ACCESS = [
  'context.duration <= duration("1h")',
  'context.duration == duration("5m")',
  `context.duration.toSeconds() * ${OVERFLOW} > 0`,
  `${OVERFLOW} * context.duration.toSeconds() > 0 && context.task == Task::"fix"`,
  `context.task == Task::"fix" && ${OVERFLOW} * context.localTime.toSeconds() > 0`,
  ...ids(TASKS).map((task) => `context.task in Task::"${task}"`),
  ...ids(TASKS).map((task) => `context.task == Task::"${task}" && context.duration < duration("2h")`),
  ...['Task::"change" == context.task', 'context.task in [Task::"read", Task::"change"]'],
  'context.task == Task::"fix-orders" || context.task in Task::"read-orders"',
  '(context.task in Task::"fix" && context.duration < duration("1h")) || context.task == Task::"read"',
  '[Task::"read-orders", Task::"change"].contains(context.task)',
  'context.duration < duration("30m") && context.task in Task::"read"',
  'context.task in Task::"read" || context.duration < duration("10m")',
  '!(context.task in Task::"read")',
  'context.localTime >= duration("8h30m") && context.localTime < duration("18h")',
  'context.dayOfWeek in [Day::"sat", Day::"sun"]',
  'context.dayOfWeek == Day::"mon" && context.task in Task::"fix"',
  ...['context has ticket && context.ticket like "OPS-*"', 'context has purpose && context.purpose != ""'],
  'resource.sensitivity == Sensitivity::"high"',
  'resource.kind == "postgres" && resource in Segment::"prod"',
  'resource has owner && resource.owner == "team-orders"',
  'resource in Environment::"staging" || resource in Segment::"prod/eu/orders"',
  ...[
    '{at: context}.at.duration <= duration("1h")',
    'context.task != Task::"fix" && !(context.task in Task::"fix")',
  ],
  ...['context == context', '[Day::"sat", Day::"sun"].contains(context.dayOfWeek)'],
  'context.dayOfWeek in Day::"mon" || Day::"tue" != context.dayOfWeek',
  'resource.sensitivity in [Sensitivity::"low", Sensitivity::"high"]',
  '[Sensitivity::"normal"].contains(resource.sensitivity) && resource has owner && resource.owner like "team-*"',
  'resource in [Segment::"prod/us", Segment::"test"] || resource in Segment::"prod/eu"',
  '{task: context.task, at: "a } \\" // b"}.task in Task::"read" && "{" != resource.kind',
];
const REVIEW = [
  'context.requester.kind == "agent"',
  'context.requester.groups.contains(Group::"dba")',
  'principal in context.requester.groups',
  'context.requester has managerId && context.requester.managerId == principal.id',
  'context.requester.accountType != principal.accountType',
  'context.requester has sponsorId || context.requester.onCall',
  'context.requester has title && context.requester.title == "engineer"',
];
/** Each of which may stand alone in a policy on requests. */
export const CONDITIONS: readonly string[] = [...COMMON, ...ACCESS];
const BY_ACTION = ['action == Action::"request" || context.duration <= duration("5m")'];

interface Kind {
  actions: readonly string[];
  resource: fc.Arbitrary<string>;
  conditions: readonly string[];
}

const KINDS: Kind[] = [
  {
    actions: [
      on('request', 'autoApprove'),
      on('request', 'autoApprove'),
      on('request', 'autoApprove', 'connect', 'extend'),
      on('request'),
      on('autoApprove'),
      on('request', 'connect', 'approve'),
      on('connect', 'exec', 'breakGlass'),
    ],
    resource: resourceScope,
    conditions: [...COMMON, ...ACCESS, ...ACCESS, ...BY_ACTION],
  },
  {
    actions: [on('approve')],
    resource: resourceScope,
    conditions: [...COMMON, ...ACCESS, ...REVIEW, ...REVIEW],
  },
  {
    actions: [on(...PLATFORM_ACTIONS), on('audit'), 'action'],
    resource: platformScope,
    conditions: COMMON,
  },
];

function policyOf(kind: Kind): fc.Arbitrary<ModelPolicy> {
  const condition = fc.constantFrom(...kind.conditions);
  return fc
    .record({
      effect: fc.constantFrom('permit', 'permit', 'forbid'),
      principal: principalScope,
      action: fc.constantFrom(...kind.actions),
      resource: kind.resource,
      clauses: fc.array(fc.tuple(fc.constantFrom('when', 'when', 'unless'), condition), { maxLength: 3 }),
      expires: fc.option(fc.constantFrom('2026-11-22T00:00:00Z', '2026-11-25T12:00:00Z'), { freq: 6 }),
    })
    .map(({ effect, principal, action, resource, clauses, expires }) => {
      const said = clauses.map(([word, body]) => `${word} { ${body} } // when { "`).join('\n');
      const scope = `${effect} (${principal}, ${action}, ${resource})`;
      const approvals =
        effect === 'permit' && /"request"|^action$/.test(action) ? '@approvals("1 of manager") ' : '';
      const end = expires === null ? '' : `@expires("${expires}") `;
      const timed = expires === null ? '' : `when { context.now < datetime("${expires}") }`;
      return { ours: `${end}${approvals}${scope} ${said}\n;`, plain: `${scope} ${timed} ${said}\n;` };
    });
}

/** About `count` different policies, without those that validation refuses (such as an approve by an agent). */
export function policyPool(seed: number, count: number): ModelPolicy[] {
  const [first, ...others] = KINDS.map(policyOf);
  assert.ok(first);
  const any = fc.oneof(
    { arbitrary: first, weight: 5 },
    ...others.map((arbitrary) => ({ arbitrary, weight: 1 })),
  );
  const made = new Map(fc.sample(any, { seed, numRuns: count }).map((policy) => [policy.ours, policy]));
  const pool = [...made.values()];
  const policies = Object.fromEntries(pool.map(({ ours }, at) => [String(at), ours]));
  const checked = validate({ schema: SCHEMA, policies: { staticPolicies: policies } });
  assert.ok(checked.type === 'success', JSON.stringify(checked));
  const refused = [...checked.validationErrors, ...checked.validationWarnings];
  const bad = new Set(refused.map(({ policyId }) => Number(policyId)));
  return pool.filter((_, at) => !bad.has(at));
}

const names = (from: readonly string[]) =>
  fc
    .subarray([...from])
    .map((some) => [...new Set(some.flatMap(pathsDownTo))].map((one) => one.replaceAll('/', '-')));

const principal = fc
  .record({
    id: fc.constantFrom('prn_ada', 'prn_bob', 'svc_1'),
    kind: fc.constantFrom('person' as const, 'person' as const, 'service' as const, 'agent' as const),
    name: fc.constantFrom(...NAMES, 'eve'),
    groups: names(GROUPS),
    accountType: fc.constantFrom('employee', 'contractor', 'robot'),
    title: fc.constantFrom(null, 'engineer', 'chief engineer, "on" call'),
    onCall: fc.boolean(),
    managerId: fc.constantFrom(null, 'prn_bob'),
    sponsorId: fc.constantFrom(null, 'prn_ada'),
  })
  .map((facts): PrincipalFacts => facts);

const moment = {
  sourceIp: fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.constantFrom('10.0.0.1', '127.0.0.1', '::1', '::ffff:10.9.8.7'),
  ),
  nowMs: fc.integer({ min: Date.parse('2026-11-20T00:00:00Z'), max: Date.parse('2026-11-27T00:00:00Z') }),
  mfaAgeSeconds: fc.constantFrom(null, 0, 299, 300, 5000),
};

export const targetFacts: fc.Arbitrary<DecisionFacts> = fc.record({
  principal,
  target: fc.record({
    name: fc.constantFrom(...TARGETS, 'other'),
    segment: fc.constantFrom(...SEGMENTS, 'prod/eu/orders/archive/old', 'dev'),
    environment: fc.constantFrom(...ENVIRONMENTS),
    kind: fc.constantFrom('postgres', 'ssh'),
    sensitivity: fc.constantFrom('low' as const, 'normal' as const, 'high' as const),
    owner: fc.constantFrom(null, 'team-orders'),
  }),
  task: fc.constantFrom(...TASKS).map((path) => {
    const [name = '', ...ancestors] = ids(pathsDownTo(path)).reverse();
    return { name, ancestors };
  }),
  context: fc.record({
    ...moment,
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'Pacific/Auckland'),
    durationSeconds: fc.oneof(
      fc.constantFrom(299, 300, 1024, 1025, 3600, 3601),
      fc.integer({ min: 1, max: 86_400 }),
    ),
    purpose: fc.constantFrom(null, '', 'ticket "4711" \\ ⏰'),
    ticket: fc.constantFrom(null, 'OPS-1', 'DEV-1'),
  }),
});

const ASKED: Action[][] = [['request', 'autoApprove'], ['connect'], ['exec'], ['extend'], ['breakGlass']];

export const question: fc.Arbitrary<Question> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      about: fc.constant('target' as const),
      actions: fc.constantFrom<readonly Action[]>(...ASKED, ['request', 'autoApprove']),
      facts: targetFacts,
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ facts: targetFacts, requester: principal })
      .map(({ facts, requester }): Question => {
        // Only people are asked whether they approve: the schema has no other.
        const approver = { ...facts.principal, kind: 'person' as const };
        return { about: 'target', actions: ['approve'], facts: { ...facts, principal: approver, requester } };
      }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      about: fc.constant('platform' as const),
      actions: fc.constantFrom<readonly Action[]>(...PLATFORM_ACTIONS.map((action) => [action])),
      facts: fc
        .record({ principal, context: fc.record(moment) })
        .map(({ principal: { kind, ...rest }, context }) => ({
          principal: { ...rest, kind: kind === 'agent' ? ('service' as const) : kind },
          context,
        })),
    }),
  },
);

const EVERYTHING = {
  attributes: new Set(
    'id accountType sponsorId title onCall managerId kind sensitivity owner requester'.split(' '),
  ),
  entities: new Set<string>(),
  within: new Set<string>(),
  edges: new Map<string, Set<number>>(),
  read: new Set<string>(),
  patterns: new Map<string, Set<string>>(),
  wholeContext: true,
  principal: true,
  resource: true,
};

/** Cedar on the whole text with the whole of the facts; `checked` by the schema, too (slow). */
type PlainCedar = (action: Action, query: Query, checked: boolean) => Response;

/** One at a time: the policies are kept under one name. */
export function openPlainCedar(policies: readonly ModelPolicy[]): PlainCedar {
  const text = policies.map(({ plain }) => plain).join('\n');
  const parsed = preparsePolicySet('plain', { staticPolicies: text });
  assert.ok(parsed.type === 'success', JSON.stringify(parsed));
  return (action, query, checked) => {
    const call = {
      principal: query.principal,
      action: { type: 'Action', id: action },
      resource: query.resource,
      context: query.context(EVERYTHING),
      entities: query.entities(EVERYTHING),
    };
    const answer = checked
      ? isAuthorized({ ...call, policies: { staticPolicies: text }, schema: SCHEMA, validateRequest: true })
      : statefulIsAuthorized({ ...call, preparsedPolicySetId: 'plain' });
    assert.ok(answer.type === 'success', JSON.stringify(answer));
    return answer.response;
  };
}

/** In what the engine and Cedar differ on one question; null where they agree. `file` is that of the policies. */
export function disagreement(
  policies: CompiledPolicies,
  plain: PlainCedar,
  { about, actions, facts }: Question,
  checked: boolean,
): string | null {
  const query = about === 'target' ? targetQuery(facts) : platformQuery(facts);
  const verdicts = evaluate(policies, actions, query);
  const namesOf = (found: readonly string[]) =>
    found
      .map((id) => Number(id.slice(6)) + 1)
      .sort()
      .join();
  for (const [at, action] of actions.entries()) {
    const verdict = verdicts[at];
    assert.ok(verdict);
    const { decision, diagnostics } = plain(action, query, checked);
    const numbers = (rules: readonly { id: string }[]) =>
      rules
        .map(({ id }) => Number(id.slice(2)))
        .sort()
        .join();
    const held = verdict.forbids.length > 0 ? verdict.forbids : verdict.permits;
    const failed = [...verdict.failedForbids, ...verdict.failedPermits].map(({ rule }) => rule);
    // Cedar skips a forbid that fails; here it denies.
    const expected = decision === 'allow' && verdict.failedForbids.length === 0;
    const ours = `${isPermitted(verdict)} held ${numbers(held)} failed ${numbers(failed)}`;
    const theirs = `${expected} held ${namesOf(diagnostics.reason)} failed ${namesOf(diagnostics.errors.map((error) => error.policyId))}`;
    if (ours !== theirs) return `${action}: here ${ours}; Cedar ${theirs}`;
  }
  return null;
}

const POLICIES_OF_A_POOL = 1_200;
const SMALLEST_SET = 10;
const LARGEST_SET = 160;
const QUESTIONS_OF_A_SET = 200;

/** Asks `count` random questions of random sets; what was answered unlike Cedar, each with how to find it again. */
export function findDisagreements(seed: number, count: number): string[] {
  const pool = policyPool(seed, POLICIES_OF_A_POOL);
  const sets = fc.shuffledSubarray(pool, { minLength: SMALLEST_SET, maxLength: LARGEST_SET });
  const found: string[] = [];
  let asked = 0;
  for (let set = 0; asked < count; set++) {
    const [some = []] = fc.sample(sets, { seed: seed * 1_000_000 + set, numRuns: 1 });
    const policies = compilePolicies({ 'p.cedar': some.map(({ ours }) => ours).join('\n') });
    const plain = openPlainCedar(some);
    const numRuns = Math.min(QUESTIONS_OF_A_SET, count - asked);
    for (const [at, one] of fc.sample(question, { seed: seed * 1_000_000 + set, numRuns }).entries()) {
      const difference = disagreement(policies, plain, one, at === 0);
      if (difference !== null) found.push(`seed ${seed}, set ${set}, question ${at}: ${difference}`);
    }
    asked += numRuns;
  }
  return found;
}
