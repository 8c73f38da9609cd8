// What is remembered answers as Cedar itself would: over the whole schema, with questions that differ in a few facts and
// so are often told apart by no policy.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CONDITIONS, policyPool, targetFacts } from '../../../test/harness/policy-model.ts';
import { compilePolicies } from './compile.ts';
import { decide, decideOutcome, mayConnect } from './decide.ts';
import { exampleFacts } from './example-facts.ts';
import type { DecisionFacts } from './facts.ts';
import { Memory, remembering } from './memory.ts';

const LONGEST_RUN_MS = 10_000;
const POOL = policyPool(2, 600);
const SETS = Array.from({ length: 8 }, (_, at) => {
  const some = POOL.filter((_policy, index) => index % 8 === at).slice(0, 60);
  return compilePolicies({ 'p.cedar': some.map(({ ours }) => ours).join('\n') });
});

const POLICY = (condition: string) =>
  `permit (principal, action in [Action::"request", Action::"autoApprove"], resource) when { ${condition} };`;

/** Moments, durations and addresses on both sides of what the model's policies compare with. */
const nearby = fc.record({
  durationSeconds: fc.constantFrom(299, 300, 301, 599, 600, 1799, 1800, 3600, 3601, 7199, 7200),
  nowMs: fc.constantFrom(
    ...['2026-11-22T00:00:00Z', '2026-11-23T12:00:00Z', '2026-11-23T12:00:00.501Z', '2026-11-24T00:00:00Z']
      .map(Date.parse)
      .flatMap((ms) => [ms - 1, ms, ms + 1]),
    ...['2026-11-23T07:29:59Z', '2026-11-23T07:30:00Z', '2026-11-23T17:00:00Z'].map(Date.parse),
  ),
  timeZone: fc.constantFrom('UTC', 'Europe/Berlin'),
  sourceIp: fc.constantFrom(
    ...['10.0.0.1', '10.0.0.2', '10.8.0.0', '10.9.255.255', '10.10.0.0', '127.255.255.255', '128.0.0.0'],
    ...['::1', '7fff::', '8000::'],
  ),
  purpose: fc.constantFrom(null, '', 'other', 'another'),
  ticket: fc.constantFrom(null, 'OPS-1', 'OPS-2', 'DEV-1', 'XOPS-1', 'OPS-\n'),
  mfaAgeSeconds: fc.constantFrom(null, 299, 300, 301),
});

test('property: each condition alone, on both sides of whatever it compares with', () => {
  const memory = new Memory();
  for (const [at, condition] of CONDITIONS.entries()) {
    const policies = compilePolicies({ 'a.cedar': POLICY(condition) });
    const kept = remembering(policies, memory);
    const contexts = fc.sample(nearby, { seed: at, numRuns: 60 });
    for (const [nth, facts] of fc.sample(targetFacts, { seed: at, numRuns: 6 }).entries()) {
      for (const context of contexts.slice(nth * 10, nth * 10 + 10)) {
        const asked = { ...facts, context };
        assert.deepEqual(decideOutcome(kept, asked), decideOutcome(policies, asked), condition);
      }
    }
  }
});

test('property: remembered or not, the decision is the same', () => {
  const memory = new Memory();
  fc.assert(
    fc.property(
      fc.constantFrom(...SETS),
      fc.array(targetFacts, { minLength: 3, maxLength: 3 }),
      fc.array(nearby, { minLength: 16, maxLength: 16 }),
      (policies, [base, ...others], moments) => {
        if (base === undefined) return;
        const kept = remembering(policies, memory);
        for (const [at, context] of moments.entries()) {
          const { principal } = others[at] ?? base;
          const facts: DecisionFacts = {
            ...base,
            principal: { ...principal, kind: base.principal.kind },
            context,
          };
          const again = decideOutcome(kept, facts);
          assert.deepEqual(again, decideOutcome(policies, facts));
          if (at % 8 === 0) assert.deepEqual(decide(kept, facts), decide(policies, facts));
          if (at % 4 === 0) assert.deepEqual(mayConnect(kept, facts), mayConnect(policies, facts));
        }
      },
    ),
    { numRuns: 150, interruptAfterTimeLimit: LONGEST_RUN_MS },
  );
  const { asked, known } = memory.use();
  assert.ok(known > asked / 10, `${known} of ${asked} were known`);
});

test('what no policy reads makes no other question; what one compares counts by the comparison', () => {
  const memory = new Memory();
  const policies = remembering(
    compilePolicies({
      'a.cedar': POLICY(
        'context.duration <= duration("1h") && context.sourceIp.isInRange(ip("10.0.0.0/8")) && context.localTime < duration("9h")',
      ),
    }),
    memory,
  );
  const outcome = (
    durationSeconds: number,
    sourceIp: string,
    at: string,
    rest: Parameters<typeof exampleFacts>[0] = {},
  ) => {
    const context = { durationSeconds, sourceIp, nowMs: Date.parse(at), timeZone: 'UTC', ...rest?.context };
    const before = memory.use();
    const decided = decide(policies, exampleFacts({ ...rest, context })).outcome;
    const after = memory.use();
    return `${decided} ${after.known - before.known === after.asked - before.asked ? 'known' : 'new'}`;
  };
  assert.equal(outcome(3600, '10.0.0.1', '2026-11-18T08:59:59Z'), 'allow new');
  assert.equal(outcome(1, '10.255.255.255', '2026-11-20T00:00:00Z'), 'allow known');
  const other = { principal: { name: 'somebody-else' }, context: { ticket: 'CHG-77', purpose: 'other' } };
  assert.equal(outcome(60, '10.1.1.1', '2026-11-20T01:00:00Z', other), 'allow known');
  assert.equal(outcome(3601, '10.0.0.1', '2026-11-18T08:00:00Z'), 'deny new');
  assert.equal(outcome(60, '11.0.0.0', '2026-11-18T08:00:00Z'), 'deny new');
  assert.equal(outcome(60, '10.0.0.1', '2026-11-18T09:00:00Z'), 'deny new');
  assert.equal(outcome(60, 'fd00::1', '2026-11-18T08:00:00Z'), 'deny known');
});

test('a text that is compared with patterns counts by what it matches, and one that is only looked for by being there', () => {
  const memory = new Memory();
  const told = (condition: string, tickets: readonly (string | null)[]) => {
    const policies = remembering(compilePolicies({ 'a.cedar': POLICY(condition) }), memory);
    return tickets.map((ticket) => {
      const before = memory.use();
      const { outcome } = decideOutcome(policies, exampleFacts({ context: { ticket } }));
      return `${outcome} ${memory.use().known > before.known ? 'known' : 'new'}`;
    });
  };
  const like = 'context has ticket && context.ticket like "OPS-*.\\**"';
  assert.deepEqual(told(like, ['OPS-1.*', 'OPS-\n2.*😀', 'OPS-1', 'ops-1.*', null, 'OPS-', 'OPS-x*']), [
    ...['allow new', 'allow known', 'deny new', 'deny known', 'deny new', 'deny known', 'deny known'],
  ]);
  assert.deepEqual(told('context has ticket', ['a', 'b', null, 'c']), [
    ...['allow new', 'allow known', 'deny new', 'allow known'],
  ]);
  const either = 'context has ticket && ("a" == context.ticket || context.ticket != "b")';
  assert.deepEqual(told(either, ['a', 'b', 'c', 'd', 'b']), [
    ...['allow new', 'deny new', 'allow new', 'allow known', 'deny known'],
  ]);
});

test('who asks is another question where a policy names somebody', () => {
  const memory = new Memory();
  const policies = remembering(compilePolicies({ 'a.cedar': POLICY('principal == Person::"ada"') }), memory);
  const outcome = (name: string) => decide(policies, exampleFacts({ principal: { name } })).outcome;
  assert.deepEqual(
    [outcome('ada'), outcome('bob'), outcome('ada'), outcome('bob')],
    [...['allow', 'deny', 'allow', 'deny']],
  );
});

test('an answer in which something failed is asked again, and names its own failure', () => {
  const memory = new Memory();
  const fails = 'context.duration.toSeconds() * 9007199254740991 > 0';
  const policies = remembering(
    compilePolicies({
      'a.cedar': `${POLICY('true')} forbid (principal, action == Action::"request", resource) when { ${fails} };`,
    }),
    memory,
  );
  const facts = exampleFacts({ context: { durationSeconds: 5000 } });
  for (let i = 0; i < 3; i++) assert.equal(decide(policies, facts).alarms.length, 1);
  assert.equal(memory.use().known, 0);
});

test('a full memory forgets, and answers the same', () => {
  const memory = new Memory(2);
  const policies = remembering(
    compilePolicies({ 'a.cedar': POLICY('context has ticket && context.ticket == "a"') }),
    memory,
  );
  for (const ticket of ['a', 'b', 'c', 'd', 'a', 'b']) {
    const { outcome } = decide(policies, exampleFacts({ context: { ticket } }));
    assert.equal(outcome, ticket === 'a' ? 'allow' : 'deny');
  }
});
