// Who counts, how often, and for which stage: the cases where others counted one person twice.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ApprovalStage } from './facts.ts';
import { quorum as count, type QuorumAccount, type QuorumFacts, whyNeverCounts } from './quorum.ts';

function account(id: string, groups: string[] = [], more: Partial<QuorumAccount> = {}): QuorumAccount {
  return {
    id,
    kind: 'person',
    name: id,
    groups,
    onCallFor: [],
    sponsors: [],
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

/** Approvals a minute apart, the first when the request is a minute old; asked one minute after the last. */
function quorum(
  stages: readonly ApprovalStage[],
  by: readonly string[],
  about: QuorumFacts,
  nowMinute = by.length + 1,
) {
  const given = by.map((accountId, i) => ({ accountId, atMs: (i + 1) * 60_000 }));
  return count(stages, given, about, { openedMs: 0, nowMs: nowMinute * 60_000 });
}
const short = (counted: ReturnType<typeof quorum>) =>
  counted.stages.map(({ state, given, candidates }) => [state, given, candidates]);

test('distinct people are counted, and who could still approve is told', () => {
  const all = facts([account('a', ['dba']), account('b', ['dba']), account('c', ['sec'])]);
  const stages = [{ count: 2, from: DBA }];
  assert.deepEqual(short(quorum(stages, [], all)), [['open', 0, ['a', 'b']]]);
  assert.deepEqual(short(quorum(stages, ['a', 'a'], all)), [['open', 1, ['b']]]);
  assert.deepEqual(short(quorum(stages, ['a', 'b'], all)), [['met', 2, []]]);
  assert.equal(quorum(stages, ['a', 'a'], all).met, false);
  assert.equal(quorum(stages, ['a', 'b'], all).met, true);
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

test('stages open one after the other, and only who can fill the open one may approve', () => {
  const stages = [
    { count: 2, from: DBA },
    { count: 1, from: SEC },
  ];
  const all = facts([account('a', ['dba']), account('b', ['dba']), account('s', ['sec'])]);
  assert.deepEqual(short(quorum(stages, [], all)), [
    ['open', 0, ['a', 'b']],
    ['waiting', 0, ['s']],
  ]);
  assert.equal(
    quorum(stages, ['s', 'a'], all).stages[1]?.given,
    0,
    'a yes before its stage counts nothing yet',
  );
  const second = quorum(stages, ['a', 'b'], all);
  assert.deepEqual(short(second), [
    ['met', 2, []],
    ['open', 0, ['s']],
  ]);
  assert.deepEqual(
    second.stages.map((stage) => stage.openedAtMs),
    [0, 120_000],
  );
  assert.equal(quorum(stages, ['a', 'b', 's'], all).met, true);
});

test('a stage widens after its time and by nobody less; the time runs from when it opened', () => {
  const stages = [
    { count: 1, from: SEC },
    { count: 2, from: DBA, also: { afterSeconds: 1800, from: 'Group::"leads"' } },
  ];
  const all = facts([
    account('s', ['sec']),
    account('a', ['dba']),
    account('l', ['leads']),
    account('m', ['leads']),
  ]);
  const at = (minute: number, given: [string, number][]) =>
    count(
      stages,
      given.map(([accountId, m]) => ({ accountId, atMs: m * 60_000 })),
      all,
      { openedMs: 0, nowMs: minute * 60_000 },
    );
  const opened = at(10, [['s', 10]]).stages[1];
  assert.equal(opened?.widensAtMs, 40 * 60_000);
  assert.deepEqual(opened?.candidates, ['a']);
  assert.deepEqual(at(39.999, [['s', 10]]).stages[1]?.candidates, ['a']);
  assert.deepEqual(at(40, [['s', 10]]).stages[1]?.candidates, ['a', 'l', 'm']);
  const early: [string, number][] = [
    ['s', 10],
    ['l', 39],
    ['m', 41],
  ];
  assert.equal(at(50, early).met, false, 'a yes before the time never counts');
  assert.equal(
    at(50, [
      ['s', 10],
      ['l', 40],
      ['a', 41],
    ]).met,
    true,
  );
  assert.equal(
    at(50, [
      ['s', 10],
      ['l', 40],
    ]).met,
    false,
    'two are still two',
  );
});

test('on call counts by the groups that one is on call for and in', () => {
  const stages = [{ count: 1, from: 'onCall Group::"dba"' }];
  const all = facts([
    account('a', ['dba']),
    account('b', ['dba'], { onCallFor: ['dba'] }),
    account('c', ['sec'], { onCallFor: ['dba'] }),
    account('d', ['dba', 'sec'], { onCallFor: ['sec'] }),
  ]);
  assert.deepEqual(quorum(stages, [], all).stages[0]?.candidates, ['b']);
  assert.equal(quorum(stages, ['a', 'c', 'd'], all).met, false);
  assert.equal(quorum(stages, ['b'], all).met, true);
});

test('the requester, their other accounts and their sponsor relation never count', () => {
  const all = facts([
    account('alias', ['dba'], { samePersonAs: 'req' }),
    account('alias-of-alias', ['dba'], { samePersonAs: 'alias' }),
    account('sponsored', ['dba'], { sponsors: ['alias', 'req'] }),
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
      account('agent', [], { kind: 'agent', sponsors: ['sponsor'] }),
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
    account('g', ['dba'], { kind: 'agent', sponsors: ['x'] }),
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
        sponsors: fc.subarray(ids),
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
