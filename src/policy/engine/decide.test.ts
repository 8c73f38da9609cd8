// The table of outcomes, the merge of obligations, mistakes in policies, and the other actions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../base/errors.ts';
import { compilePolicies } from './compile.ts';
import { decide, mayApprove, mayConnect, permitted, permittedOnPlatform } from './decide.ts';
import { exampleFacts, examplePrincipal, type Variation } from './example-facts.ts';

const SCOPE = 'principal in Group::"engineering"';
const BOTH = 'action in [Action::"request", Action::"autoApprove"]';
const REQUEST = 'action == Action::"request"';
const AUTO = 'action == Action::"autoApprove"';
const HERE = 'resource in Segment::"prod/eu/orders"';

const compile = (text: string) => compilePolicies({ 'orders.cedar': text });
const decideBy = (text: string, varied: Variation = {}) => decide(compile(text), exampleFacts(varied));

const at = (utc: string, timeZone = 'Europe/Berlin') => ({ context: { nowMs: Date.parse(utc), timeZone } });

test('the table of outcomes', () => {
  const approvals = '@approvals("2 of Group::\\"dba\\"")';
  const request = `@id("r") ${approvals} permit (${SCOPE}, ${REQUEST}, ${HERE});`;
  const auto = `@id("a") permit (${SCOPE}, ${AUTO}, ${HERE});`;
  const cases: [string, string, string, string[]][] = [
    ['nothing', '', 'deny', []],
    ['only autoApprove', auto, 'deny', []],
    ['only request', request, 'needs-approval', ['orders/r']],
    ['both', request + auto, 'allow', ['orders/r', 'orders/a']],
    [
      'both, a forbid on request',
      `${request}${auto}@id("f") forbid (principal, ${REQUEST}, resource);`,
      'deny',
      ['orders/f'],
    ],
    [
      'both, a forbid on autoApprove',
      `${request}${auto}@id("f") forbid (principal, ${AUTO}, resource);`,
      'needs-approval',
      ['orders/r'],
    ],
    [
      'a forbid on everything',
      `${request}@id("f") forbid (principal, action, resource);`,
      'deny',
      ['orders/f'],
    ],
  ];
  for (const [name, text, outcome, determining] of cases) {
    const decided = decideBy(text);
    assert.equal(decided.outcome, outcome, name);
    assert.deepEqual(decided.determining, determining, name);
    assert.ok(decided.reasons.length > 0, name);
    const stages = outcome === 'needs-approval' ? [{ count: 2, from: 'Group::"dba"' }] : [];
    assert.deepEqual(decided.obligations.approvals, stages, name);
  }
});

test('approval that nobody could give is a denial', () => {
  const text = `permit (${SCOPE}, ${BOTH}, ${HERE}); forbid (principal, ${AUTO}, resource) when { context.duration > duration("10m") };`;
  assert.equal(decideBy(text, { context: { durationSeconds: 600 } }).outcome, 'allow');
  const decided = decideBy(text, { context: { durationSeconds: 601 } });
  assert.equal(decided.outcome, 'deny');
  assert.match(decided.reasons[0]?.text ?? '', /no policy names who could give it/);
  assert.equal(decided.longestSeconds, 600);
});

test('determining permits merge restrictively, and a permit that does not hold adds nothing', () => {
  const one = `@maxDuration("4h") @approvals("1 of Group::\\"dba\\"; 1 of manager") @mask("pii")`;
  const two = `@maxDuration("2h") @approvals("2 of Group::\\"dba\\"") @record("required") @mask("cards, pii") @stepUp("passkey")`;
  const off = `@maxDuration("1m") @approvals("9 of Group::\\"all\\"") @mask("all")`;
  const permit = (annotations: string, when = '') =>
    `${annotations} permit (${SCOPE}, ${REQUEST}, ${HERE})${when};`;
  const merged = {
    maxDurationSeconds: 7200,
    approvals: [
      { count: 2, from: 'Group::"dba"' },
      { count: 1, from: 'manager' },
    ],
    record: 'required',
    stepUp: 'passkey',
    mask: ['cards', 'pii'],
  };
  const fails = permit(off, ' when { context.duration > duration("10h") }');
  for (const text of [permit(one) + permit(two) + fails, fails + permit(two) + permit(one)]) {
    assert.deepEqual(decideBy(text).obligations, merged);
  }
  // Allowed at once, the controls of every determining permit still hold.
  const auto = `@maxDuration("1h") @mask("names") permit (${SCOPE}, ${AUTO}, ${HERE});`;
  assert.deepEqual(decideBy(permit(one) + auto).obligations, {
    maxDurationSeconds: 3600,
    approvals: [],
    record: 'on',
    stepUp: 'none',
    mask: ['names', 'pii'],
  });
});

test('longer than the merged @maxDuration is denied, and the longest that would pass is told', () => {
  const text = `@id("a") @maxDuration("4h") permit (${SCOPE}, ${BOTH}, ${HERE});
    @id("b") @maxDuration("90m") permit (${SCOPE}, ${BOTH}, ${HERE}) when { context.duration > duration("1h") };`;
  assert.equal(decideBy(text, { context: { durationSeconds: 5400 } }).outcome, 'allow');
  const decided = decideBy(text, { context: { durationSeconds: 5401 } });
  assert.equal(decided.outcome, 'deny');
  assert.equal(decided.longestSeconds, 5400);
  assert.match(decided.reasons[0]?.text ?? '', /longer than the 1 h 30 min that the policy orders\/b allows/);
  assert.equal(decided.enough[0], 'Ask for 90m or less.');
  const never = decideBy(text, { context: { durationSeconds: 5401 }, principal: { groups: [] } });
  assert.equal(never.longestSeconds, null);
});

// Strict validation leaves arithmetic as what can fail: 2^63 and beyond.
const OVERFLOW = 'context.duration.toSeconds() * 9007199254740991 > 0';

test('a forbid that fails to evaluate denies', () => {
  const text = `permit (${SCOPE}, ${BOTH}, ${HERE}); @id("bad") forbid (principal, ${REQUEST}, resource) when { ${OVERFLOW} };`;
  const decided = decideBy(text);
  assert.equal(decided.outcome, 'deny');
  assert.deepEqual(decided.determining, ['orders/bad']);
  assert.match(decided.reasons[0]?.text ?? '', /orders\/bad .* could not be evaluated .* denies/);
  assert.equal(decided.alarms.length, 1);
  // Where the same forbid is on autoApprove only, nothing is automatic any more.
  const auto = `@approvals("1 of manager") permit (${SCOPE}, ${BOTH}, ${HERE}); forbid (principal, ${AUTO}, resource) when { ${OVERFLOW} };`;
  assert.equal(decideBy(auto).outcome, 'needs-approval');
});

test('a permit that fails to evaluate is left out and alarms, and locks out nobody else', () => {
  const bad = `@id("bad") @mask("all") permit (${SCOPE}, ${BOTH}, ${HERE}) when { ${OVERFLOW} };`;
  const alone = decideBy(bad);
  assert.equal(alone.outcome, 'deny');
  assert.match(alone.alarms[0] ?? '', /orders\/bad could not be evaluated and was left out/);
  const together = decideBy(`${bad} @id("good") permit (${SCOPE}, ${BOTH}, ${HERE});`);
  assert.equal(together.outcome, 'allow');
  assert.deepEqual(together.determining, ['orders/good']);
  assert.deepEqual(together.obligations.mask, []);
  assert.equal(together.alarms.length, 1);
});

test('an expired policy no longer counts, from that very moment, whether it permits or forbids', () => {
  const moment = '2026-12-01T00:00:00Z';
  const permit = `@id("p") @expires("${moment}") permit (${SCOPE}, ${BOTH}, ${HERE});`;
  assert.equal(decideBy(permit, at('2026-11-30T23:59:59.999Z')).outcome, 'allow');
  const denied = decideBy(permit, at(moment));
  assert.equal(denied.outcome, 'deny');
  assert.match(denied.reasons[0]?.text ?? '', /expired at 2026-12-01T00:00:00.000Z/);
  const forbid = `permit (${SCOPE}, ${BOTH}, ${HERE}); @expires("${moment}") forbid (principal, action, resource);`;
  assert.equal(decideBy(forbid, at('2026-11-30T23:59:59.999Z')).outcome, 'deny');
  assert.equal(decideBy(forbid, at(moment)).outcome, 'allow');
});

test('a forbid is explained by the conditions that hold, and by what would end it', () => {
  const text = `permit (${SCOPE}, ${BOTH}, ${HERE});
    @id("night") @description("Nights are quiet") forbid (principal, ${REQUEST}, resource)
    when { context.localTime >= duration("22h") } unless { context has ticket };`;
  const decided = decideBy(text, at('2026-11-22T21:14:00Z'));
  assert.deepEqual(decided.reasons, [
    {
      policy: 'orders/night',
      effect: 'forbid',
      text: 'Forbidden by orders/night: Nights are quiet. It applies because local time at or after 22:00 and ticket is not given; now local time is 22:14 in Europe/Berlin, ticket is not given.',
    },
  ]);
  assert.match(decided.enough[0] ?? '', /^Local time before 22:00, or ticket is given; now /);
});

test('what needs approval says what would be allowed at once', () => {
  const text = `@approvals("1 of manager") permit (${SCOPE}, ${REQUEST}, ${HERE});
    @id("quick") permit (${SCOPE}, ${AUTO}, ${HERE}) when { context.duration <= duration("5m") };`;
  const decided = decideBy(text);
  assert.equal(decided.outcome, 'needs-approval');
  assert.deepEqual(decided.enough, [
    'At once: duration at most 5 min; now duration is 30 min (policy orders/quick).',
  ]);
});

test('a policy may speak of the action itself', () => {
  const text = `@approvals("1 of manager") permit (${SCOPE}, ${BOTH}, ${HERE})
    when { action == Action::"request" || context.duration <= duration("5m") };`;
  assert.equal(decideBy(text).outcome, 'needs-approval');
  assert.equal(decideBy(text, { context: { durationSeconds: 300 } }).outcome, 'allow');
});

test('approve: by policy, never by the requester, a service or an agent', () => {
  const policies =
    compile(`@id("a") permit (principal in Group::"approvers", action == Action::"approve", ${HERE})
    when { context.requester.groups.contains(Group::"engineering") };
    @id("m") permit (principal, action == Action::"approve", resource)
    when { context.requester has managerId && context.requester.managerId == principal.id };
    forbid (principal, action == Action::"approve", resource) unless { context.sourceIp.isInRange(ip("10.0.0.0/8")) };`);
  const facts = exampleFacts({ principal: { managerId: 'prn_boss' } });
  const approver = examplePrincipal({ id: 'prn_a', name: 'approver', groups: ['approvers'] });
  assert.equal(mayApprove(policies, approver, facts).allowed, true);
  assert.equal(mayApprove(policies, approver, facts, '192.0.2.1').allowed, false);
  assert.equal(
    mayApprove(policies, examplePrincipal({ id: 'prn_boss', name: 'boss', groups: [] }), facts).allowed,
    true,
  );
  assert.equal(
    mayApprove(policies, examplePrincipal({ id: 'prn_b', name: 'b', groups: [] }), facts).allowed,
    false,
  );
  for (const kind of ['service', 'agent'] as const) {
    assert.equal(mayApprove(policies, { ...approver, kind }, facts).allowed, false);
  }
  const own = { ...facts, principal: { ...facts.principal, groups: ['approvers', 'engineering'] } };
  const self = mayApprove(policies, own.principal, own);
  assert.equal(self.allowed, false);
  assert.match(self.reasons[0]?.text ?? '', /own request/);
  const outsider = exampleFacts({ principal: { id: 'prn_x', name: 'x', groups: ['sales'] } });
  assert.equal(mayApprove(policies, approver, outsider).allowed, false);
});

test('connect and extend are permissions of their own', () => {
  const policies =
    compile(`permit (${SCOPE}, action == Action::"connect", ${HERE}) when { context.sourceIp.isLoopback() };
    @maxDuration("1h") permit (${SCOPE}, action == Action::"extend", ${HERE});`);
  const from = (sourceIp: string) => mayConnect(policies, exampleFacts({ context: { sourceIp } }));
  assert.equal(from('127.0.0.1').allowed, true);
  assert.equal(from('127.0.0.1').reasons.length, 1);
  assert.equal(from('10.0.0.1').allowed, false);
  assert.match(from('10.0.0.1').reasons[0]?.text ?? '', /source address is loopback/);
  const extend = (durationSeconds: number) =>
    permitted(policies, 'extend', exampleFacts({ context: { durationSeconds } })).allowed;
  assert.equal(extend(3600), true);
  assert.equal(extend(3601), false);
});

test('administer and audit are about Sallyport itself', () => {
  const policies = compile(`permit (principal in Group::"admins", action == Action::"administer", resource);
    permit (principal in Group::"auditors", action == Action::"audit", resource)
    when { context has mfaAge && context.mfaAge < duration("1h") };`);
  const may = (group: string, action: 'administer' | 'audit', mfaAgeSeconds: number | null = 60) =>
    permittedOnPlatform(policies, action, {
      principal: examplePrincipal({ groups: [group] }),
      context: { sourceIp: '::1', nowMs: 0, mfaAgeSeconds },
    }).allowed;
  assert.deepEqual(
    [
      may('admins', 'administer'),
      may('admins', 'audit'),
      may('auditors', 'audit'),
      may('auditors', 'audit', null),
      may('auditors', 'audit', 3600),
    ],
    [true, false, true, false, false],
  );
});

test('facts that are wrong are refused, each by a clear error', () => {
  const policies = compile(`permit (${SCOPE}, ${BOTH}, ${HERE});`);
  const wrong: [Variation, string][] = [
    [{ context: { sourceIp: '10.0.0.0/8' } }, 'invalid-address'],
    [{ context: { sourceIp: '300.1.1.1' } }, 'invalid-address'],
    [{ context: { sourceIp: '' } }, 'invalid-address'],
    [{ context: { timeZone: 'Mars/Olympus' } }, 'invalid-time-zone'],
    [{ context: { durationSeconds: 0 } }, 'invalid-input'],
    [{ context: { durationSeconds: -1 } }, 'invalid-input'],
    [{ context: { durationSeconds: 1.5 } }, 'invalid-input'],
    [{ context: { durationSeconds: 2 ** 53 } }, 'invalid-input'],
    [{ context: { nowMs: Number.NaN } }, 'invalid-input'],
    [{ context: { purpose: '\ud800' } }, 'invalid-input'],
    [{ context: { purpose: 'x'.repeat(5000) } }, 'invalid-input'],
    [{ target: { segment: 'prod//orders' } }, 'invalid-input'],
    [{ target: { segment: 'Prod/eu' } }, 'invalid-input'],
    [{ target: { segment: '' } }, 'invalid-input'],
    [{ target: { name: '' } }, 'invalid-input'],
    [{ principal: { name: '' } }, 'invalid-input'],
    [{ principal: { groups: [''] } }, 'invalid-input'],
  ];
  for (const [varied, code] of wrong) {
    assert.throws(
      () => decide(policies, exampleFacts(varied)),
      (error) => error instanceof Failure && error.code === code,
      JSON.stringify(varied).slice(0, 100),
    );
  }
});
