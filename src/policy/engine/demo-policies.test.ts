// The policies that ship: the demo's, held against what the product's contract says of them, and the starter set.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { compilePolicies } from './compile.ts';
import { decide, mayApprove, mayConnect, permitted, permittedOnPlatform } from './decide.ts';
import { exampleFacts, examplePrincipal } from './example-facts.ts';

const FOLDER = new URL('../../demo/policies/', import.meta.url);
const policies = compilePolicies(
  Object.fromEntries(readdirSync(FOLDER).map((name) => [name, readFileSync(new URL(name, FOLDER), 'utf8')])),
);

const engineer = (task: string, durationSeconds: number, more: { sourceIp?: string; nowMs?: number } = {}) =>
  exampleFacts({
    task,
    context: { sourceIp: '127.0.0.1', timeZone: 'Europe/Berlin', durationSeconds, ...more },
  });

test('every policy of the demo tells what it is for', () => {
  for (const rule of policies.rules)
    assert.ok(rule.notes.description && rule.notes.owner && rule.notes.id, rule.id);
});

test('the three tasks, at every hour of a week and from every kind of loopback', () => {
  const monday = Date.parse('2026-11-23T00:00:00Z');
  for (let hour = 0; hour < 7 * 24; hour++) {
    for (const sourceIp of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      const now = { nowMs: monday + hour * 3_600_000, sourceIp };
      assert.equal(decide(policies, engineer('read-orders', 1, now)).outcome, 'allow');
      assert.equal(decide(policies, engineer('read-orders', 3600, now)).outcome, 'allow');
      const fix = decide(policies, engineer('fix-orders', 1, now));
      assert.equal(fix.outcome, 'needs-approval');
      assert.deepEqual(fix.obligations.approvals, [{ count: 1, from: 'Group::"approvers"' }]);
      const schema = decide(policies, engineer('change-schema', 7200, now));
      assert.equal(schema.outcome, 'needs-approval');
      assert.deepEqual(schema.obligations.approvals, [{ count: 2, from: 'Group::"approvers"' }]);
      assert.equal(mayConnect(policies, engineer('read-orders', 3600, now)).allowed, true);
    }
  }
});

test('longer than the rule: approval, or no, with what would pass', () => {
  const longer = decide(policies, engineer('read-orders', 3601));
  assert.equal(longer.outcome, 'needs-approval');
  assert.match(longer.enough[0] ?? '', /At once: duration at most 1 h/);
  for (const [task, seconds] of [
    ['read-orders', 8 * 3600],
    ['fix-orders', 4 * 3600],
    ['change-schema', 2 * 3600],
  ] as const) {
    assert.equal(decide(policies, engineer(task, seconds)).outcome, 'needs-approval');
    const denied = decide(policies, engineer(task, seconds + 1));
    assert.equal(denied.outcome, 'deny');
    assert.equal(denied.longestSeconds, seconds);
  }
});

test('others: no right to ask, outside addresses, contractors at night, the pipeline', () => {
  const as = (group: string, task: string) => ({
    ...engineer(task, 600),
    principal: examplePrincipal({ id: 'prn_x', name: 'x', groups: [group] }),
  });
  for (const group of ['approvers', 'auditors', 'administrators']) {
    assert.equal(decide(policies, as(group, 'read-orders')).outcome, 'deny', group);
  }
  const outside = decide(policies, engineer('read-orders', 600, { sourceIp: '192.0.2.1' }));
  assert.equal(outside.outcome, 'deny');
  assert.match(outside.reasons[0]?.text ?? '', /private networks only.*source address is 192\.0\.2\.1/);
  const contractor = (utc: string) => {
    const facts = engineer('read-orders', 600, { nowMs: Date.parse(utc) });
    return decide(policies, { ...facts, principal: { ...facts.principal, accountType: 'contractor' } })
      .outcome;
  };
  assert.equal(contractor('2026-11-23T07:00:00Z'), 'allow');
  assert.equal(contractor('2026-11-23T06:59:59Z'), 'deny');
  assert.equal(contractor('2026-11-23T17:00:00Z'), 'deny');
  assert.equal(contractor('2026-11-22T12:00:00Z'), 'deny');
  assert.equal(decide(policies, as('pipelines', 'read-orders')).outcome, 'allow');
  assert.equal(decide(policies, as('pipelines', 'change-schema')).outcome, 'needs-approval');
  assert.equal(decide(policies, as('pipelines', 'fix-orders')).outcome, 'deny');
});

test('who approves, administers and audits', () => {
  const facts = engineer('fix-orders', 600);
  const person = (group: string) => examplePrincipal({ id: `prn_${group}`, name: group, groups: [group] });
  const may = ['approvers', 'engineering', 'auditors', 'administrators'].map(
    (group) => mayApprove(policies, person(group), facts).allowed,
  );
  assert.deepEqual(may, [true, false, false, false]);
  const platform = (group: string, action: 'administer' | 'audit') =>
    permittedOnPlatform(policies, action, {
      principal: person(group),
      context: { sourceIp: '127.0.0.1', nowMs: 0, mfaAgeSeconds: null },
    }).allowed;
  assert.deepEqual(
    [
      platform('administrators', 'administer'),
      platform('administrators', 'audit'),
      platform('auditors', 'audit'),
      platform('auditors', 'administer'),
      platform('engineering', 'audit'),
    ],
    [true, true, true, false, false],
  );
});

test('the starter set gives the rights over Sallyport itself, and on targets nothing but a broken glass', () => {
  const text = readFileSync(new URL('../starter.cedar', import.meta.url), 'utf8');
  const starter = compilePolicies({ 'sallyport.cedar': text });
  const principal = examplePrincipal({ groups: ['administrators', 'auditors'] });
  const context = { sourceIp: '192.0.2.1', nowMs: 0, mfaAgeSeconds: null };
  for (const action of ['administer', 'changePolicy', 'audit'] as const) {
    assert.equal(permittedOnPlatform(starter, action, { principal, context }).allowed, true, action);
  }
  const asked = { ...engineer('read-orders', 60), principal };
  assert.equal(decide(starter, asked).outcome, 'deny');
  assert.equal(permitted(starter, 'breakGlass', asked).allowed, true);
  assert.equal(permitted(starter, 'breakGlass', engineer('read-orders', 60)).allowed, false);
  const long = { ...engineer('read-orders', 3600), principal };
  assert.equal(permitted(starter, 'breakGlass', long).allowed, false);
});

test('engineers may break glass for an hour, from private networks, and never for a change of the schema', () => {
  const may = (task: string, seconds: number, sourceIp = '127.0.0.1') =>
    permitted(policies, 'breakGlass', engineer(task, seconds, { sourceIp })).allowed;
  assert.deepEqual(
    [
      may('fix-orders', 3600),
      may('fix-orders', 3601),
      may('change-schema', 60),
      may('fix-orders', 60, '8.8.8.8'),
    ],
    [true, false, false, false],
  );
});
