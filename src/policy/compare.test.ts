// What a change does to stored decisions, category by category, on the demo's policies.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Comparison, type StoredRow } from './compare.ts';
import { compilePolicies } from './engine/compile.ts';
import { decideOutcome, permitted } from './engine/decide.ts';
import { exampleFacts, type Variation } from './engine/example-facts.ts';

const FOLDER = new URL('../demo/policies/', import.meta.url);
const DEMO = Object.fromEntries(
  readdirSync(FOLDER).map((name) => [name, readFileSync(new URL(name, FOLDER), 'utf8')]),
);
const NOW = Date.parse('2026-11-22T13:00:00Z');
const before = compilePolicies(DEMO);

function stored(action: string, varied: Variation, policies = before): StoredRow {
  const facts = exampleFacts(varied);
  const { allowed, obligations } = permitted(policies, 'connect', facts);
  const decided =
    action === 'connect'
      ? { outcome: allowed ? 'allow' : 'deny', obligations }
      : decideOutcome(policies, facts);
  const { outcome, obligations: owed } = decided;
  return {
    action,
    outcome,
    policyDigest: policies.digest,
    facts,
    obligations: owed,
    at: new Date(NOW).toISOString(),
  };
}

const READ = stored('request', {});
const FIX = stored('request', { task: 'fix-orders' });
const LONG = stored('request', { context: { durationSeconds: 12 * 3600 } });
const CONNECT = stored('connect', {});
const EXTEND = stored('extend', {});
const ALL = [READ, FIX, LONG, CONNECT, EXTEND];

function compare(change: Record<string, string | undefined>, rows = ALL) {
  const files = Object.entries({ ...DEMO, ...change }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const comparison = new Comparison(before, compilePolicies(Object.fromEntries(files)), NOW);
  comparison.add(rows);
  return comparison.result();
}

const orders = (from: string, to: string) => {
  const text = DEMO['orders.cedar']?.replace(from, to) ?? '';
  assert.notEqual(text, DEMO['orders.cedar']);
  return { 'orders.cedar': text };
};
const counts = (result: ReturnType<typeof compare>) => [
  result.newlyAllowed.count,
  result.newlyDenied.count,
  result.otherApprovers.count,
  result.otherObligations.count,
];

test('the same set, or only other comments, differs nowhere', () => {
  assert.deepEqual(counts(compare({})), [0, 0, 0, 0]);
  assert.deepEqual(counts(compare({ 'more.cedar': '// nothing\n' })), [0, 0, 0, 0]);
  // Decisions of an older set are held against the set in force, not against what was decided then.
  const older = compilePolicies({ 'a.cedar': '// nobody may anything\n' });
  const rows = ALL.map((row) => stored(row.action, row.facts, older));
  assert.ok(rows.every((row) => row.outcome === 'deny'));
  assert.equal(compare({}, rows).differences, 0);
});

test('a permit that goes, one that comes, other approvers, other obligations', () => {
  const gone = compare(orders('context.task == Task::"fix-orders"', 'context.task == Task::"mend-orders"'));
  assert.deepEqual(counts(gone), [0, 1, 0, 0]);
  assert.deepEqual(gone.newlyDenied.examples[0]?.before.policies, ['orders/fix']);
  assert.deepEqual(gone.lockedOut.first, [
    {
      principal: 'engineer',
      action: 'request',
      task: 'fix-orders',
      target: 'orders-db',
      count: 1,
      from: null,
    },
  ]);
  assert.deepEqual(counts(compare(orders('@maxDuration("8h")', '@maxDuration("1d")'))), [1, 0, 0, 0]);
  assert.deepEqual(
    counts(
      compare(
        orders(
          '@approvals("1 of Group::\\"approvers\\"")\n@record("required")\npermit (\n  principal in Group::"engineering",\n  action == Action::"request",\n  resource in Segment::"prod/eu/orders"\n)\nwhen { context.task == Task::"fix-orders" }',
          '@approvals("2 of Group::\\"approvers\\"")\n@record("required")\npermit (\n  principal in Group::"engineering",\n  action == Action::"request",\n  resource in Segment::"prod/eu/orders"\n)\nwhen { context.task == Task::"fix-orders" }',
        ),
      ),
    ),
    [0, 0, 1, 0],
  );
  const shorter = compare(orders('@maxDuration("4h")', '@maxDuration("3h")'));
  assert.deepEqual(counts(shorter), [0, 0, 0, 1]);
  assert.deepEqual(shorter.people.most, [
    { principal: 'engineer', newlyAllowed: 0, newlyDenied: 0, otherApprovers: 0, otherObligations: 1 },
  ]);
});

test('sessions and extensions are decisions too', () => {
  const forbid = (action: string) => ({
    'no.cedar': `@id("no") forbid (principal, action == Action::"${action}", resource);`,
  });
  assert.deepEqual(counts(compare(forbid('connect'))), [0, 1, 0, 0]);
  assert.deepEqual(counts(compare(forbid('extend'))), [0, 1, 0, 0]);
  assert.deepEqual(counts(compare(forbid('request'))), [0, 3, 0, 0]);
});

test('an expiry to come is a lock-out from then on; one that is over counts in neither set', () => {
  const later = compare(orders('@id("fix")', '@id("fix")\n@expires("2026-12-24T00:00:00Z")'));
  assert.equal(later.differences, 0);
  assert.deepEqual(
    later.lockedOut.first.map((one) => [one.task, one.from]),
    [['fix-orders', '2026-12-24T00:00:00.000Z']],
  );
  const over = compare(orders('@id("fix")', '@id("fix")\n@expires("2026-11-22T12:30:00Z")'));
  assert.deepEqual(counts(over), [0, 1, 0, 0], 'it held when the request was made, and never will again');
});

test('what cannot be read is counted, and hides nothing else', () => {
  const broken = {
    ...READ,
    facts: exampleFacts({ context: { sourceIp: 'nowhere' } }),
    policyDigest: 'other',
  };
  const result = compare({}, [broken, READ]);
  assert.deepEqual([result.replayed, result.unreadable, result.differences], [2, 1, 0]);
});
