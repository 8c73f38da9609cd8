// Found by scope, cut down and asked in few calls, against Cedar itself on the whole text: over the whole schema
// (`test/harness/policy-model.ts`; the bench and the fault runs ask a hundred thousand).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  disagreement,
  openPlainCedar,
  policyPool,
  question,
  targetFacts,
} from '../../../test/harness/policy-model.ts';
import { replayDecision } from '../replay.ts';
import { type CompiledPolicies, compilePolicies } from './compile.ts';
import { decide, decideOutcome } from './decide.ts';
import { exampleFacts } from './example-facts.ts';
import type { DecisionFacts } from './facts.ts';
import { targetQuery } from './query.ts';
import { shardsFor } from './shards.ts';
import { SlotTable } from './slots.ts';

const LONGEST_RUN_MS = 20_000;
const POOL = policyPool(1, 600);
const textOf = (policies: typeof POOL) => policies.map(({ ours }) => ours).join('\n');

test('property: found by scope and cut down, the answer is Cedar’s own', () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray(POOL, { minLength: 1, maxLength: 120 }),
      fc.array(question, { minLength: 24, maxLength: 24 }),
      (some, questions) => {
        const policies = compilePolicies({ 'p.cedar': textOf(some) });
        const plain = openPlainCedar(some);
        questions.forEach((one, at) => {
          assert.equal(disagreement(policies, plain, one, at === 0), null);
        });
      },
    ),
    // A busy machine asks fewer, and shrinks what it found no longer than that.
    { numRuns: 30, interruptAfterTimeLimit: LONGEST_RUN_MS },
  );
});

test('property: a replay agrees, and the longest duration that is told is the longest that passes', () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray(POOL, { minLength: 1, maxLength: 12 }),
      fc.array(targetFacts, { minLength: 4, maxLength: 4 }),
      (some, many) => {
        const policies = compilePolicies({ 'p.cedar': textOf(some) });
        for (const facts of many) {
          const decided = decide(policies, facts);
          const { outcome, obligations } = decided;
          const stored = JSON.parse(JSON.stringify({ action: 'request', outcome, facts, obligations }));
          assert.deepEqual(replayDecision(policies, stored).differences, []);
          assert.deepEqual(decide(policies, stored.facts), decided);
          assert.equal(decideOutcome(policies, facts).outcome, outcome);
          if (outcome === 'deny') assert.equal(decided.longestSeconds, longestOf(policies, facts));
        }
      },
    ),
    { numRuns: 40, interruptAfterTimeLimit: LONGEST_RUN_MS },
  );
});

/** The same without any shortcut: each duration that a policy in reach compares with, and the one below it. */
function longestOf(policies: CompiledPolicies, facts: DecisionFacts): number | null {
  const rules = shardsFor(policies.shards, targetQuery(facts)).flatMap((shard) => shard.rules);
  const limits = rules
    .filter(({ actions }) => actions.includes('request') || actions.includes('autoApprove'))
    .flatMap(({ survey }) => [...survey.durations].flatMap((seconds) => [seconds, seconds - 1]))
    .filter((seconds) => seconds < facts.context.durationSeconds);
  const passing = limits.filter((durationSeconds) => {
    const shorter = { ...facts, context: { ...facts.context, durationSeconds } };
    return decideOutcome(policies, shorter).outcome !== 'deny';
  });
  return passing.length === 0 ? null : Math.max(...passing);
}

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

test('forbids of a large shard are asked as one; one that holds or fails is found among them, and denies', () => {
  const forbids = Array.from(
    { length: 60 },
    (_, i) =>
      `@id("f${i}") forbid (principal, action == Action::"request", resource) when { context.duration == duration("${i}s") };`,
  );
  const permit = 'permit (principal, action in [Action::"request", Action::"autoApprove"], resource);';
  const failing =
    '@id("broken") forbid (principal, action == Action::"request", resource) when { context.duration.toSeconds() * 9007199254740991 < 0 };';
  const outcome = (texts: string[], durationSeconds: number) =>
    decide(compilePolicies({ 'a.cedar': texts.join('\n') }), exampleFacts({ context: { durationSeconds } }));
  assert.equal(outcome([...forbids, permit], 90).outcome, 'allow');
  assert.deepEqual(outcome([...forbids, permit], 7).determining, ['a/f7']);
  const broken = outcome([...forbids, failing, permit], 5000);
  assert.equal(broken.outcome, 'deny');
  assert.deepEqual(broken.determining, ['a/broken']);
  assert.equal(outcome([...forbids, failing, permit], 90).outcome, 'allow');
});

test('a policy is left aside for its task only where nothing before that can fail', () => {
  const tasksOf = (condition: string) => {
    const text = `forbid (principal, action == Action::"request", resource) when { ${condition} };`;
    return compilePolicies({ 'a.cedar': text }).rules[0]?.tasks;
  };
  const fails = 'context.duration.toSeconds() * 9007199254740991 > 0';
  assert.deepEqual(tasksOf('context.task == Task::"a"'), ['Task::a']);
  assert.deepEqual(tasksOf('context.task in [Task::"a", Task::"b"]'), ['Task::a', 'Task::b']);
  assert.deepEqual(tasksOf('principal.accountType == "x" && Task::"a" == context.task'), ['Task::a']);
  assert.deepEqual(tasksOf(`context.task == Task::"a" && ${fails}`), ['Task::a']);
  assert.deepEqual(tasksOf(`(context.task == Task::"a" && ${fails}) || context.task in Task::"b"`), [
    'Task::a',
    'Task::b',
  ]);
  assert.equal(tasksOf(`${fails} && context.task == Task::"a"`), null);
  assert.equal(tasksOf(`context.task == Task::"a" || ${fails}`), null);
  assert.equal(tasksOf('!(context.task == Task::"a")'), null);
  assert.equal(tasksOf('context.task != Task::"a"'), null);
});

test('… and for its account type', () => {
  const accountTypesOf = (condition: string) => {
    const text = `forbid (principal, action == Action::"request", resource) when { ${condition} };`;
    return compilePolicies({ 'a.cedar': text }).rules[0]?.accountTypes;
  };
  const fails = 'context.duration.toSeconds() * 9007199254740991 > 0';
  assert.deepEqual(accountTypesOf('context.task == Task::"a" && principal.accountType == "x"'), ['x']);
  assert.deepEqual(accountTypesOf('["x", "y"].contains(principal.accountType)'), ['x', 'y']);
  assert.deepEqual(accountTypesOf(`principal.accountType == "x" && ${fails}`), ['x']);
  assert.equal(accountTypesOf(`${fails} && principal.accountType == "x"`), null);
  assert.equal(accountTypesOf('principal.accountType != "x"'), null);
  assert.equal(accountTypesOf('principal.accountType == principal.id'), null);
  assert.equal(accountTypesOf('principal.id == "x"'), null);
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
