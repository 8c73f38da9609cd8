import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { LONGEST_DURATION_SECONDS } from '../../base/duration.ts';
import { compilePolicies } from './compile.ts';
import { decide, decideOutcome } from './decide.ts';
import { exampleFacts, examplePrincipal } from './example-facts.ts';
import type { PrincipalFacts } from './facts.ts';
import { textOf } from './policy-text.ts';
import { forMany, likenessUnder, reachOf, rulesInScope } from './reach.ts';
import { SLOTS } from './slots.ts';

const FOLDER = new URL('../../demo/policies/', import.meta.url);
const DEMO_FILES: Record<string, string> = Object.fromEntries(
  readdirSync(FOLDER).map((name) => [name, readFileSync(new URL(name, FOLDER), 'utf8')]),
);
const demo = compilePolicies(DEMO_FILES);
const demoIn = (file: string) => demo.rules.filter((rule) => rule.file === file);
const HERE = { sourceIp: '127.0.0.1', timeZone: 'Europe/Berlin' };

test('the demo: at once up to an hour, with approval up to eight, two people for the schema', () => {
  const reach = (task: string) => reachOf(demo, exampleFacts({ task, context: HERE }));
  const read = reach('read-orders');
  assert.deepEqual([read.atOnceSeconds, read.approvalSeconds], [3600, 8 * 3600]);
  assert.deepEqual(read.approvals, [{ count: 1, from: 'Group::"approvers"' }]);
  assert.deepEqual(read.policies, ['orders/read-at-once', 'orders/read-longer']);
  assert.equal(read.opens, true);
  const schema = reach('change-schema');
  assert.deepEqual([schema.atOnceSeconds, schema.approvalSeconds], [null, 7200]);
  assert.deepEqual(schema.approvals, [{ count: 2, from: 'Group::"approvers"' }]);
});

test('who is kept out by a condition is told what would be enough, and who is not named is told nothing', () => {
  const outside = reachOf(demo, exampleFacts({ context: { ...HERE, sourceIp: '192.0.2.1' } }));
  assert.deepEqual([outside.atOnceSeconds, outside.approvalSeconds], [null, null]);
  assert.match(outside.enough[0] ?? '', /source address/);
  const auditor = reachOf(
    demo,
    exampleFacts({ principal: examplePrincipal({ groups: ['auditors'] }), context: HERE }),
  );
  assert.deepEqual([auditor.enough, auditor.policies, auditor.decisions], [[], [], 0]);
});

test('a grant that no session could be opened with is told', () => {
  const policies = compilePolicies({
    'a.cedar':
      '@maxDuration("1h") permit (principal, action in [Action::"request", Action::"autoApprove"], resource);',
  });
  const reach = reachOf(policies, exampleFacts());
  assert.deepEqual([reach.atOnceSeconds, reach.opens], [3600, false]);
});

test('a limit is found to the second, whichever way it is written', () => {
  for (const [condition, longest] of [
    ['context.duration < duration("2h")', 7199],
    ['context.duration <= duration("2h")', 7200],
    ['context.duration >= duration("2h")', LONGEST_DURATION_SECONDS],
    ['!(context.duration > duration("45m"))', 2700],
    ['true', LONGEST_DURATION_SECONDS],
  ] as const) {
    const policies = compilePolicies({
      'a.cedar': `permit (principal, action in [Action::"request", Action::"autoApprove"], resource) when { ${condition} };`,
    });
    assert.equal(reachOf(policies, exampleFacts()).atOnceSeconds, longest, condition);
  }
});

const principals = fc.record({
  name: fc.constantFrom('engineer', 'ada', 'bob'),
  id: fc.constantFrom('prn_1', 'prn_2'),
  kind: fc.constantFrom<PrincipalFacts['kind'][]>('person', 'service', 'agent'),
  groups: fc.subarray(['engineering', 'pipelines', 'approvers', 'cooks']),
  accountType: fc.constantFrom('employee', 'contractor'),
  title: fc.constantFrom('dba', null),
  onCall: fc.boolean(),
});

test('principals that are alike reach the same', () => {
  const more = compilePolicies({
    ...DEMO_FILES,
    'more.cedar': `@approvals("1 of manager")
permit (principal == Person::"ada", action == Action::"request", resource) when { principal.onCall };
forbid (principal is Person, action == Action::"autoApprove", resource) when { principal has title && principal.title == "dba" };`,
  });
  for (const policies of [demo, more]) {
    const likeness = likenessUnder(policies);
    let compared = 0;
    fc.assert(
      fc.property(
        principals,
        principals,
        fc.constantFrom('read-orders', 'fix-orders'),
        (one, other, task) => {
          const { kind, accountType } = one;
          const groups = [...one.groups.filter((name) => name !== 'cooks'), 'cooks'];
          const [a, b] = [examplePrincipal(one), examplePrincipal({ ...other, kind, accountType, groups })];
          compared += likeness.keyOf(a) === likeness.keyOf(b) ? 1 : 0;
          if (likeness.keyOf(a) !== likeness.keyOf(b)) return;
          const facts = (principal: PrincipalFacts) => exampleFacts({ principal, task, context: HERE });
          assert.deepEqual(decideOutcome(policies, facts(a)), decideOutcome(policies, facts(b)));
        },
      ),
      { numRuns: 300 },
    );
    assert.ok(compared > 30, `only ${compared} pairs were alike`);
  }
  const cook = likenessUnder(demo);
  const plain = examplePrincipal({ groups: ['engineering'] });
  assert.equal(
    cook.keyOf(plain),
    cook.keyOf(examplePrincipal({ name: 'x', groups: ['cooks', 'engineering'] })),
  );
});

test('the policies in scope alone come to what the whole set comes to', () => {
  fc.assert(
    fc.property(
      principals,
      fc.constantFrom('read-orders', 'fix-orders'),
      fc.nat(40_000),
      (one, task, seconds) => {
        const facts = exampleFacts({
          principal: examplePrincipal(one),
          task,
          context: { ...HERE, durationSeconds: seconds + 1 },
        });
        const concerned = rulesInScope(demo, facts);
        const files = Object.fromEntries(
          [...Map.groupBy(concerned, (rule) => rule.file)].map(([file, rules]) => [
            file,
            rules.map((rule) => textOf(rule, demoIn(file), DEMO_FILES[file] ?? '')).join('\n'),
          ]),
        );
        assert.deepEqual(decide(compilePolicies(files), facts), decide(demo, facts));
      },
    ),
    { numRuns: 40 },
  );
});

test('deciding for many takes no slot from requests, and answers the same', () => {
  const groups = Array.from({ length: 40 }, (_, at) => `team-${at}`);
  const text = groups.map(
    (name, at) =>
      `permit (principal in Group::"${name}", action in [Action::"request", Action::"autoApprove"], resource) when { context.duration <= duration("${at + 1}m") };`,
  );
  const policies = compilePolicies({ 'teams.cedar': text.join('\n') });
  const asked = groups.map((name) => exampleFacts({ principal: examplePrincipal({ groups: [name] }) }));
  const before = SLOTS.inUse();
  const apart = asked.map((facts) => reachOf(forMany(policies), facts));
  assert.deepEqual(SLOTS.inUse(), before);
  assert.deepEqual(
    apart,
    asked.map((facts) => reachOf(policies, facts)),
  );
  assert.ok(SLOTS.inUse().slots > before.slots);
});
