// Sharded, cut down and asked in one call, against Cedar itself on the whole text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAuthorized, validate } from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import { replayDecision } from '../replay.ts';
import { compilePolicies, SCHEMA } from './compile.ts';
import { decide, decideOutcome } from './decide.ts';
import { evaluate, isPermitted } from './evaluate.ts';
import { exampleFacts } from './example-facts.ts';
import type { Action, DecisionFacts } from './facts.ts';
import { targetQuery } from './query.ts';
import { SlotTable } from './slots.ts';

const GROUPS = ['engineering', 'dba', 'ops'];
const SEGMENTS = ['prod', 'prod/eu', 'prod/eu/orders', 'prod/us', 'test'];
const ACTIONS = ['request', 'autoApprove', 'connect'] as const;

const usable = new Map<string, boolean>();

function isUsable(text: string): boolean {
  const known = usable.get(text);
  if (known !== undefined) return known;
  const { type, ...found } = validate({ schema: SCHEMA, policies: { staticPolicies: text } });
  const clean = type === 'success' && 'validationWarnings' in found && found.validationWarnings.length === 0;
  usable.set(text, clean);
  return clean;
}

const principalScope = fc.constantFrom(
  'principal',
  'principal is Person',
  'principal is Service in Group::"ops"',
  'principal == Person::"engineer"',
  'principal == Service::"engineer"',
  ...GROUPS.map((group) => `principal in Group::"${group}"`),
);
const actionScope = fc.constantFrom(
  'action in [Action::"request", Action::"autoApprove", Action::"connect"]',
  'action in [Action::"request", Action::"autoApprove"]',
  ...ACTIONS.map((action) => `action == Action::"${action}"`),
);
const resourceScope = fc.constantFrom(
  'resource',
  'resource is Target in Segment::"prod/eu"',
  'resource == Target::"orders-db"',
  'resource in Environment::"production"',
  ...SEGMENTS.map((segment) => `resource in Segment::"${segment}"`),
);
const condition = fc.constantFrom(
  'context.duration <= duration("1h")',
  'context.duration.toSeconds() * 9007199254740991 > 0',
  'context.task in Task::"read"',
  'context.sourceIp.isInRange(ip("10.0.0.0/8"))',
  'context.localTime < duration("13h")',
  'context.dayOfWeek in [Day::"sat", Day::"sun"]',
  'context has ticket && context.ticket like "OPS-*"',
  'principal.accountType == "employee"',
  'resource.sensitivity == Sensitivity::"high" || context.now < datetime("2026-11-22")',
  'action == Action::"request" || context.duration <= duration("5m")',
  'principal in [Group::"dba", Group::"ops"]',
  'if context has mfaAge then context.mfaAge < duration("5m") else context.duration < duration("5m")',
);
const policy = fc
  .record({
    effect: fc.constantFrom('permit', 'permit', 'permit', 'forbid'),
    principal: principalScope,
    action: actionScope,
    resource: resourceScope,
    when: fc.array(condition, { maxLength: 2 }),
    unless: fc.option(condition),
  })
  .map(({ effect, principal, action, resource, when, unless }) => {
    const clauses = [
      ...when.map((one) => `when { ${one} }`),
      ...(unless === null ? [] : [`unless { ${unless} }`]),
    ];
    const approvals = effect === 'permit' && action.includes('request') ? '@approvals("1 of manager") ' : '';
    return `${approvals}${effect} (${principal}, ${action}, ${resource}) ${clauses.join(' ')};`;
  })
  // Validation refuses what can never hold, such as an autoApprove that is a request.
  .filter(isUsable);

const someFacts: fc.Arbitrary<DecisionFacts> = fc
  .record({
    kind: fc.constantFrom('person' as const, 'service' as const, 'agent' as const),
    groups: fc.subarray(GROUPS),
    accountType: fc.constantFrom('employee', 'contractor'),
    segment: fc.constantFrom(...SEGMENTS, 'prod/eu/orders/archive'),
    environment: fc.constantFrom('production', 'staging'),
    sensitivity: fc.constantFrom('low' as const, 'high' as const),
    task: fc.constantFrom<DecisionFacts['task']>(
      { name: 'read', ancestors: [] },
      { name: 'read-orders', ancestors: ['read'] },
      { name: 'fix', ancestors: [] },
    ),
    sourceIp: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant('10.0.0.1')),
    nowMs: fc.integer({ min: Date.parse('2026-11-20T00:00:00Z'), max: Date.parse('2026-11-27T00:00:00Z') }),
    timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'Pacific/Auckland'),
    durationSeconds: fc.oneof(fc.constantFrom(299, 300, 3600, 3601), fc.integer({ min: 1, max: 86_400 })),
    ticket: fc.constantFrom(null, 'OPS-1', 'DEV-1'),
    mfaAgeSeconds: fc.constantFrom(null, 0, 300),
  })
  .map((one) =>
    exampleFacts({
      principal: { kind: one.kind, groups: one.groups, accountType: one.accountType },
      target: { segment: one.segment, environment: one.environment, sensitivity: one.sensitivity },
      task: one.task,
      context: {
        sourceIp: one.sourceIp,
        nowMs: one.nowMs,
        timeZone: one.timeZone,
        durationSeconds: one.durationSeconds,
        ticket: one.ticket,
        mfaAgeSeconds: one.mfaAgeSeconds,
      },
    }),
  );

const EVERYTHING = {
  attributes: new Set([
    'id',
    'accountType',
    'sponsorId',
    'title',
    'onCall',
    'managerId',
    'kind',
    'sensitivity',
    'owner',
  ]),
  entities: new Set<string>(),
  wholeContext: true,
};

/** Cedar's own answer on the whole text with the whole of the facts; `checked` by the schema, too (slow). */
function plainCedar(text: string, action: Action, facts: DecisionFacts, checked: boolean) {
  const query = targetQuery(facts);
  const answer = isAuthorized({
    principal: query.principal,
    action: { type: 'Action', id: action },
    resource: query.resource,
    context: query.context(EVERYTHING),
    entities: query.entities(EVERYTHING),
    policies: { staticPolicies: text },
    ...(checked ? { schema: SCHEMA, validateRequest: true } : {}),
  });
  assert.ok(answer.type === 'success', JSON.stringify(answer));
  return answer.response;
}

test('property: found by scope and cut down, the answer is Cedar’s own, and a replay agrees', () => {
  fc.assert(
    fc.property(
      fc.array(policy, { minLength: 1, maxLength: 12 }),
      fc.array(someFacts, { minLength: 4, maxLength: 4 }),
      (texts, many) => {
        const text = texts.join('\n');
        const policies = compilePolicies({ 'p.cedar': text });
        for (const facts of many) {
          const verdicts = evaluate(policies, ACTIONS, targetQuery(facts));
          ACTIONS.forEach((action, at) => {
            const verdict = verdicts[at];
            assert.ok(verdict);
            const plain = plainCedar(text, action, facts, facts === many[0]);
            // Cedar skips a forbid that fails; here it denies.
            const failing = verdict.failedForbids.length > 0;
            assert.equal(isPermitted(verdict), plain.decision === 'allow' && !failing);
            const failed = [...verdict.failedForbids, ...verdict.failedPermits]
              .map(({ rule }) => rule.id)
              .sort();
            const named = plain.diagnostics.errors
              .map(({ policyId }) => `p/${Number(policyId.slice(6)) + 1}`)
              .sort();
            assert.deepEqual(failed, named);
            const reasons = plain.diagnostics.reason.map((id) => `p/${Number(id.slice(6)) + 1}`).sort();
            const held = verdict.forbids.length > 0 ? verdict.forbids : verdict.permits;
            assert.deepEqual(held.map((rule) => rule.id).sort(), reasons);
          });
          const decided = decide(policies, facts);
          const stored = JSON.parse(
            JSON.stringify({
              action: 'request',
              outcome: decided.outcome,
              facts,
              obligations: decided.obligations,
            }),
          );
          assert.deepEqual(replayDecision(policies, stored).differences, []);
          assert.deepEqual(decide(policies, stored.facts), decided);
          assert.equal(decideOutcome(policies, facts).outcome, decided.outcome);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('a large shard is asked by itself, with the same answer', () => {
  const wild = Array.from(
    { length: 60 },
    (_, i) =>
      `@id("w${i}") permit (principal, action in [Action::"request", Action::"autoApprove"], resource) when { context.duration == duration("${i}s") };`,
  );
  const near =
    '@id("near") permit (principal in Group::"engineering", action in [Action::"request", Action::"autoApprove"], resource in Segment::"prod");';
  const forbid =
    '@id("no") forbid (principal, action == Action::"request", resource) when { context.duration == duration("7s") };';
  const outcome = (texts: string[], durationSeconds: number) =>
    decide(compilePolicies({ 'a.cedar': texts.join('\n') }), exampleFacts({ context: { durationSeconds } }));
  assert.deepEqual(outcome([...wild, near, forbid], 5).determining, ['a/near', 'a/w5']);
  assert.deepEqual(outcome([...wild, near, forbid], 90).determining, ['a/near']);
  assert.deepEqual(outcome([...wild, near, forbid], 7).determining, ['a/no']);
  const denied = outcome([...wild, forbid], 90);
  assert.equal(denied.outcome, 'deny');
  assert.equal(denied.longestSeconds, 59);
  assert.equal(denied.reasons.length, 8);
});

test('a replay by changed policies tells the difference', () => {
  const facts = exampleFacts();
  const before =
    '@maxDuration("1h") permit (principal, action in [Action::"request", Action::"autoApprove"], resource);';
  const decided = decide(compilePolicies({ 'a.cedar': before }), facts);
  const row = { action: 'request', outcome: decided.outcome, facts, obligations: decided.obligations };
  const longer = compilePolicies({ 'a.cedar': before.replace('1h', '2h') });
  assert.deepEqual(replayDecision(longer, row).differences, ['obligations']);
  const none = compilePolicies({ 'a.cedar': '' });
  assert.deepEqual(replayDecision(none, row).differences, ['outcome', 'obligations']);
});

test('any number of sets uses a bounded number of slots, and the first is parsed again', () => {
  const table = new SlotTable('bound', { slots: 8, policies: 20 });
  let parsed = 0;
  const ask = (key: string, size: number) =>
    table.slotFor(key, size, () => {
      parsed++;
      return Array.from({ length: size }, () => 'permit (principal, action, resource);').join('');
    });
  const names = new Set(Array.from({ length: 50 }, (_, i) => ask(`one-${i}`, 1)));
  assert.equal(names.size, 8);
  assert.deepEqual(table.inUse(), { slots: 8, policies: 8 });
  assert.equal(ask('one-49', 1), ask('one-49', 1));
  assert.equal(parsed, 50);
  ask('one-0', 1);
  assert.equal(parsed, 51);
  ask('large', 15);
  assert.deepEqual(table.inUse(), { slots: 6, policies: 20 });
  ask('larger than all', 30);
  assert.deepEqual(table.inUse(), { slots: 1, policies: 30 });
});

test('many scopes, each with its own policy: every one is found', () => {
  const people = Array.from({ length: 300 }, (_, i) => `p${i}`);
  const text = people.map(
    (name, i) =>
      `permit (principal == Person::"${name}", action in [Action::"request", Action::"autoApprove"], resource) when { context.duration <= duration("${i + 1}s") };`,
  );
  const policies = compilePolicies({ 'a.cedar': text.join('\n') });
  people.forEach((name, i) => {
    const outcomeFor = (durationSeconds: number) =>
      decideOutcome(policies, exampleFacts({ principal: { name }, context: { durationSeconds } })).outcome;
    assert.equal(outcomeFor(i + 1), 'allow', name);
    assert.equal(outcomeFor(i + 2), 'deny', name);
  });
});
