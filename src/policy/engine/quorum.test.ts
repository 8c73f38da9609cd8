// Who counts, how often, and for which stage: the cases where others counted one person twice.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type QuorumAccount, type QuorumFacts, quorum, whyNeverCounts } from './quorum.ts';

function account(id: string, groups: string[] = [], more: Partial<QuorumAccount> = {}): QuorumAccount {
  return {
    id,
    kind: 'person',
    name: id,
    groups,
    sponsorId: null,
    samePersonAs: null,
    disabled: false,
    ...more,
  };
}

const DBA = 'Group::"dba"';
const SEC = 'Group::"sec"';
const facts = (accounts: QuorumAccount[], managerId: string | null = null): QuorumFacts => ({
  requesterId: 'req',
  managerId,
  accounts: [account('req', ['dba', 'sec']), ...accounts],
});

test('distinct people are counted, and who could still approve is told', () => {
  const all = facts([account('a', ['dba']), account('b', ['dba']), account('c', ['sec'])]);
  const stages = [{ count: 2, from: DBA }];
  assert.deepEqual(quorum(stages, [], all), {
    met: false,
    stages: [{ count: 2, from: DBA, given: 0, candidates: ['a', 'b'] }],
  });
  assert.deepEqual(quorum(stages, ['a', 'a'], all), {
    met: false,
    stages: [{ count: 2, from: DBA, given: 1, candidates: ['b'] }],
  });
  assert.deepEqual(quorum(stages, ['a', 'b'], all), {
    met: true,
    stages: [{ count: 2, from: DBA, given: 2, candidates: [] }],
  });
  assert.equal(quorum(stages, ['a', 'c'], all).met, false);
});

test('one person in two groups, and one with two accounts, count once', () => {
  const stages = [
    { count: 1, from: DBA },
    { count: 1, from: SEC },
  ];
  const both = facts([account('a', ['dba', 'sec']), account('b', ['sec'])]);
  assert.equal(quorum(stages, ['a'], both).met, false);
  assert.equal(quorum(stages, ['a', 'b'], both).met, true);
  const alias = facts([account('a', ['dba']), account('a-admin', ['dba', 'sec'], { samePersonAs: 'a' })]);
  assert.equal(quorum(stages, ['a', 'a-admin'], alias).met, false);
  assert.equal(quorum([{ count: 2, from: DBA }], ['a', 'a-admin'], alias).stages[0]?.given, 1);
  assert.deepEqual(quorum([{ count: 2, from: DBA }], ['a'], alias).stages[0]?.candidates, []);
});

test('places are filled as well as they can be, whoever came first', () => {
  const stages = [
    { count: 1, from: DBA },
    { count: 1, from: 'manager' },
  ];
  const boss = facts([account('boss', ['dba']), account('a', ['dba'])], 'boss');
  assert.equal(quorum(stages, ['boss'], boss).met, false);
  assert.equal(quorum(stages, ['boss', 'a'], boss).met, true);
  assert.equal(quorum(stages, ['a', 'boss'], boss).met, true);
});

test('the requester, their other accounts and their sponsor relation never count', () => {
  const all = facts([
    account('alias', ['dba'], { samePersonAs: 'req' }),
    account('alias-of-alias', ['dba'], { samePersonAs: 'alias' }),
    account('sponsored', ['dba'], { sponsorId: 'alias' }),
    account('a', ['dba']),
  ]);
  for (const id of ['req', 'alias', 'alias-of-alias', 'sponsored', 'unknown']) {
    assert.equal(quorum([{ count: 1, from: DBA }], [id], all).met, false, id);
    assert.notEqual(whyNeverCounts(id, all), null, id);
  }
  assert.deepEqual(quorum([{ count: 1, from: DBA }], [], all).stages[0]?.candidates, ['a']);
  const agent: QuorumFacts = {
    requesterId: 'agent',
    managerId: null,
    accounts: [
      account('agent', [], { kind: 'agent', sponsorId: 'sponsor' }),
      account('sponsor', ['dba']),
      account('sponsor-2', ['dba'], { samePersonAs: 'sponsor' }),
      account('a', ['dba']),
    ],
  };
  assert.equal(quorum([{ count: 1, from: DBA }], ['sponsor', 'sponsor-2'], agent).met, false);
  assert.equal(quorum([{ count: 1, from: DBA }], ['a'], agent).met, true);
  const own = facts([], 'req');
  assert.equal(quorum([{ count: 1, from: 'manager' }], ['req'], own).met, false);
});

test('services, agents and disabled accounts never count; no stages are never met', () => {
  const all = facts([
    account('s', ['dba'], { kind: 'service' }),
    account('g', ['dba'], { kind: 'agent', sponsorId: 'x' }),
    account('d', ['dba'], { disabled: true }),
  ]);
  assert.equal(quorum([{ count: 1, from: DBA }], ['s', 'g', 'd'], all).met, false);
  assert.equal(quorum([], ['s'], all).met, false);
});

test('property: never more given than there are people, never less after one more approval', () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'req'];
  const accounts = fc.tuple(
    ...ids.map((id) =>
      fc.record({
        groups: fc.subarray(['dba', 'sec', 'ops']),
        samePersonAs: fc.option(fc.constantFrom(...ids.filter((other) => other !== id))),
        sponsorId: fc.option(fc.constantFrom(...ids)),
      }),
    ),
  );
  const stage = fc.record({
    count: fc.integer({ min: 1, max: 3 }),
    from: fc.constantFrom(DBA, SEC, 'Group::"ops"', 'manager'),
  });
  fc.assert(
    fc.property(
      accounts,
      fc.array(stage, { maxLength: 3 }),
      fc.shuffledSubarray(ids),
      (made, stages, approved) => {
        const all: QuorumFacts = {
          requesterId: 'req',
          managerId: 'a',
          accounts: made.map((more, i) => account(ids[i] ?? '', more.groups, more)),
        };
        const given = (by: string[]) =>
          quorum(stages, by, all).stages.reduce((sum, one) => sum + one.given, 0);
        const total = given(approved);
        assert.ok(total <= new Set(approved).size);
        assert.equal(given([...approved].reverse()), total);
        assert.ok(given(approved.slice(1)) <= total);
        assert.equal(given(['req']), 0);
      },
    ),
    { numRuns: 500 },
  );
});
