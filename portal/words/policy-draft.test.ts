import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CompiledPolicies, compilePolicies } from '../../src/policy/engine/compile.ts';
import { decide, mayApprove, mayConnect } from '../../src/policy/engine/decide.ts';
import { exampleFacts, examplePrincipal, type Variation } from '../../src/policy/engine/example-facts.ts';
import { sentenceOf } from '../../src/policy/engine/sentence.ts';
import { cedarFrom, draftProblems, EMPTY_DRAFT, idOf, type PolicyDraft } from './policy-draft.ts';

const BASE: PolicyDraft = { ...EMPTY_DRAFT, who: 'engineering', where: 'prod/eu', tasks: ['read-orders'] };

type Choice = [chosen: Partial<PolicyDraft>, says: string | string[], saysNot?: string];

const GRID: Choice[][] = [
  [
    [{ whoKind: 'group', who: 'engineering' }, 'Members of engineering may '],
    [{ whoKind: 'person', who: 'engineer' }, 'engineer may '],
  ],
  [
    [{ tasks: ['read-orders'] }, ' read-orders '],
    [{ tasks: [] }, ' any task '],
    [{ tasks: ['read-orders', 'fix-orders'] }, ' read-orders or fix-orders '],
  ],
  [
    [{ whereKind: 'segment', where: 'prod/eu' }, ' on targets in prod/eu '],
    [{ whereKind: 'target', where: 'orders-db' }, ' on orders-db '],
    [{ whereKind: 'anywhere', where: '' }, ' on any target '],
  ],
  [
    [{ how: 'at-once' }, 'may get ', 'approval'],
    [{ how: 'approval', stages: [{ count: 2, from: 'dba' }] }, 'with 2 approvals from dba', 'at once'],
    [
      {
        how: 'approval',
        stages: [
          { count: 1, from: 'manager' },
          { count: 1, from: 'dba' },
        ],
      },
      'with 1 approval from their manager and then 1 approval from dba',
      'at once',
    ],
  ],
  [
    [{ addresses: [] }, '', 'source address'],
    [{ addresses: ['10.0.0.0/8', 'fc00::/7'] }, 'the source address is either in 10.0.0.0/8 or in fc00::/7'],
  ],
  [
    [{ days: [], from: '', to: '' }, '', 'local time'],
    [
      { days: ['sun', 'mon'], from: '08:00', to: '18:30' },
      ['the day is either Monday or Sunday', 'the local time is 08:00 or later and before 18:30'],
    ],
    [{ from: '22:00', to: '06:00' }, 'the local time is either 22:00 or later or before 06:00', 'the day is'],
  ],
  [
    [{ record: true, stepUp: false, mask: [], ticket: true }, 'with a required recording', 'passkey'],
    [
      { record: false, stepUp: true, mask: ['pii'], ticket: false, expires: '2027-01-31' },
      'after a passkey, with pii masked',
      'recording',
    ],
  ],
];

function* combinations(grid: Choice[][]): Iterable<Choice[]> {
  const [first, ...rest] = grid;
  if (first === undefined) yield [];
  else for (const choice of first) for (const others of combinations(rest)) yield [choice, ...others];
}

/** Sunday 12:00 in UTC, from 10.1.2.3, for half an hour: inside of every choice but the night. */
const asked = (varied: Variation['context'] = {}, more: Variation = {}) =>
  exampleFacts({
    ...more,
    context: { sourceIp: '10.1.2.3', durationSeconds: 1800, ticket: 'OPS-1', ...varied },
  });

test('every combination compiles, its sentence says what was chosen and nothing else, and it decides so', () => {
  const all = [...combinations(GRID)];
  assert.equal(all.length, 2 * 3 * 3 * 3 * 2 * 3 * 2);
  // Many at a time, because a compilation costs more than a policy.
  const drafts = all.map((choices, index) => ({
    draft: {
      ...Object.assign({ ...BASE }, ...choices.map(([chosen]) => chosen)),
      id: `p${index}`,
    } as PolicyDraft,
    choices,
  }));
  for (let start = 0; start < drafts.length; start += 81) {
    const some = drafts.slice(start, start + 81);
    for (const { draft } of some) assert.deepEqual(draftProblems(draft), {});
    const { rules } = compilePolicies({ 'a.cedar': some.map(({ draft }) => cedarFrom(draft)).join('\n') });
    for (const { draft, choices } of some) {
      const rule = rules.find((one) => one.id === `a/${draft.id}`);
      assert.ok(rule !== undefined);
      const { text, conditions } = sentenceOf(rule);
      assert.ok(
        conditions.every(({ words }) => words !== null),
        text,
      );
      for (const [, says, saysNot] of choices) {
        for (const words of [says].flat()) assert.ok(text.includes(words), `"${words}" in: ${text}`);
        if (saysNot !== undefined) assert.ok(!text.includes(saysNot), `"${saysNot}" not in: ${text}`);
      }
      assert.ok(text.includes(' for up to 1 h') && text.includes('the duration is at most 1 h'), text);
      assert.equal(text.includes('a ticket is given'), draft.ticket, text);
      assert.equal(text.includes('until 2027-01-31T23:59:59Z'), draft.expires !== '', text);
    }
  }
});

/** What the draft alone decides. */
function policiesOf(draft: PolicyDraft): CompiledPolicies {
  return compilePolicies({ 'a.cedar': cedarFrom(draft) });
}

test('what is built decides as it says: who, how long, from where, when, with a ticket', () => {
  const draft: PolicyDraft = {
    ...BASE,
    addresses: ['10.0.0.0/8'],
    days: ['sun'],
    from: '08:00',
    to: '18:00',
    ticket: true,
  };
  const policies = policiesOf(draft);
  const outcome = (facts = asked()) => decide(policies, facts).outcome;
  assert.equal(outcome(), 'allow');
  assert.equal(outcome(asked({ durationSeconds: 3601 })), 'deny');
  assert.equal(outcome(asked({ sourceIp: '192.0.2.1' })), 'deny');
  assert.equal(outcome(asked({ nowMs: Date.parse('2026-11-22T07:59:59Z') })), 'deny');
  assert.equal(outcome(asked({ nowMs: Date.parse('2026-11-23T12:00:00Z') })), 'deny');
  assert.equal(outcome(asked({ ticket: null })), 'deny');
  assert.equal(outcome(asked({}, { task: 'fix-orders' })), 'deny');
  assert.equal(outcome(asked({}, { target: { segment: 'prod/us' } })), 'deny');
  assert.equal(outcome(asked({}, { principal: { groups: ['cooks'] } })), 'deny');
  assert.equal(mayConnect(policies, asked()).allowed, true);
  assert.equal(mayConnect(policies, asked({ sourceIp: '192.0.2.1' })).allowed, false);
  assert.equal(mayConnect(policiesOf({ ...draft, complete: false }), asked()).allowed, false);
});

test('over midnight, and what needs approval can be approved by whom it names', () => {
  const night = policiesOf({ ...BASE, from: '22:00', to: '06:00' });
  const at = (time: string) => decide(night, asked({ nowMs: Date.parse(`2026-11-22T${time}Z`) })).outcome;
  assert.deepEqual(['21:59:59', '22:00:00', '05:59:59', '06:00:00'].map(at), [
    'deny',
    'allow',
    'allow',
    'deny',
  ]);
  const stages = [
    { count: 1, from: 'dba' },
    { count: 1, from: 'manager' },
  ];
  const approved = policiesOf({ ...BASE, how: 'approval', stages });
  assert.equal(decide(approved, asked()).outcome, 'needs-approval');
  const facts = asked({}, { principal: { managerId: 'prn_boss' } });
  const may = (id: string, groups: string[]) =>
    mayApprove(approved, examplePrincipal({ id, name: id, groups }), facts).allowed;
  assert.deepEqual(
    [may('prn_x', ['dba']), may('prn_boss', []), may('prn_y', ['cooks'])],
    [true, true, false],
  );
});

test('what is missing or wrong is told at its field, and a note can hold any text', () => {
  const told = (varied: Partial<PolicyDraft>) => Object.keys(draftProblems({ ...BASE, ...varied }));
  assert.deepEqual(told({}), []);
  assert.deepEqual(Object.keys(draftProblems(EMPTY_DRAFT)), ['who', 'where']);
  assert.deepEqual(told({ who: 'a"' }), ['who']);
  assert.deepEqual(told({ where: 'Prod' }), ['where']);
  assert.deepEqual(told({ tasks: ['x") || true'] }), ['tasks']);
  assert.deepEqual(told({ longest: '1y' }), ['longest']);
  assert.deepEqual(told({ addresses: ['all"'] }), ['addresses']);
  assert.deepEqual(told({ from: '08:00' }), ['hours']);
  assert.deepEqual(told({ from: '25:00', to: '26:00' }), ['hours']);
  assert.deepEqual(told({ mask: ['P'] }), ['mask']);
  assert.deepEqual(told({ expires: 'soon' }), ['expires']);
  assert.deepEqual(told({ how: 'approval' }), ['stages']);
  assert.deepEqual(told({ how: 'approval', stages: [{ count: 2, from: 'manager' }] }), ['stages']);
  const odd = policiesOf({ ...BASE, owner: 'team "a"\\ b\nc' });
  assert.equal(odd.rules[0]?.notes.owner, 'team "a"\\ b c');
  assert.equal(idOf(BASE), 'engineering-read-orders-at-once');
});
