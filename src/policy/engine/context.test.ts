// Every dimension that a policy can speak of: inside it allows, one step outside it denies, and the explanation
// names it. Each condition is tried as a permit and, turned around, as a forbid.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePolicies } from './compile.ts';
import { decide } from './decide.ts';
import { exampleFacts, type Variation } from './example-facts.ts';

const SCOPE = 'principal in Group::"engineering"';
const BOTH = 'action in [Action::"request", Action::"autoApprove"]';
const HERE = 'resource in Segment::"prod/eu/orders"';

const decideBy = (text: string, varied: Variation = {}) =>
  decide(compilePolicies({ 'orders.cedar': text }), exampleFacts(varied));
const permitWhen = (condition: string) =>
  `@id("rule") @description("Reading is for some.") permit (${SCOPE}, ${BOTH}, ${HERE}) when { ${condition} };`;

/** Allowed inside; outside denied, and the explanation has all of `words`. */
function bounds(condition: string, inside: Variation, outside: Variation, ...words: string[]): void {
  const policy = permitWhen(condition);
  assert.equal(decideBy(policy, inside).outcome, 'allow', `${condition}: inside`);
  const denied = decideBy(policy, outside);
  assert.equal(denied.outcome, 'deny', `${condition}: outside`);
  const text = [...denied.reasons.map((reason) => reason.text), ...denied.enough].join('\n');
  for (const word of ['orders/rule', 'Reading is for some.', ...words]) {
    assert.ok(text.includes(word), `${condition}: "${word}" is not in:\n${text}`);
  }
  const forbid = `permit (${SCOPE}, ${BOTH}, ${HERE}); @id("no") forbid (${SCOPE}, ${BOTH}, ${HERE}) unless { ${condition} };`;
  assert.equal(decideBy(forbid, inside).outcome, 'allow', `${condition}: forbid, inside`);
  assert.equal(decideBy(forbid, outside).outcome, 'deny', `${condition}: forbid, outside`);
}

const at = (utc: string, timeZone = 'Europe/Berlin') => ({ context: { nowMs: Date.parse(utc), timeZone } });

test('duration, to the second', () => {
  const asked = (durationSeconds: number) => ({ context: { durationSeconds } });
  bounds(
    'context.duration <= duration("1h")',
    asked(3600),
    asked(3601),
    'duration at most 1 h',
    'duration is 1 h',
    'Ask for 1h or less',
  );
  bounds('context.duration < duration("1h")', asked(3599), asked(3600), 'duration less than 1 h', '3599s');
});

test('source address, to the last address of a range, in either family', () => {
  const from = (sourceIp: string) => ({ context: { sourceIp } });
  const inTen = 'context.sourceIp.isInRange(ip("10.0.0.0/8"))';
  bounds(
    inTen,
    from('10.255.255.255'),
    from('11.0.0.0'),
    'source address in 10.0.0.0/8',
    'source address is 11.0.0.0',
  );
  bounds(inTen, from('10.0.0.0'), from('9.255.255.255'));
  bounds(inTen, from('::ffff:10.0.0.1'), from('::ffff:11.0.0.1'));
  bounds(inTen, from('::FFFF:0a00:0001'), from('::ffff:b00:1'));
  bounds('context.sourceIp.isInRange(ip("fd00::/8"))', from('fdff:ffff::1'), from('fe00::'), 'fd00::/8');
  bounds('context.sourceIp.isLoopback()', from('::1'), from('10.0.0.1'), 'loopback');
});

test('local time, to the second, by the clock of the segment also when it changes', () => {
  const office = 'context.localTime >= duration("8h") && context.localTime < duration("18h")';
  bounds(
    office,
    at('2026-11-23T16:59:59Z'),
    at('2026-11-23T17:00:00Z'),
    'local time before 18:00',
    'local time is 18:00 in Europe/Berlin',
  );
  bounds(
    office,
    at('2026-11-23T07:00:00Z'),
    at('2026-11-23T06:59:59Z'),
    'at or after 08:00',
    'local time is 07:59:59',
  );
  // Berlin is one hour ahead in winter and two in summer; the day of the change is a Sunday.
  bounds(office, at('2026-03-28T07:00:00Z'), at('2026-03-28T06:59:59Z'));
  bounds(office, at('2026-03-29T06:00:00Z'), at('2026-03-29T05:59:59Z'));
  bounds(office, at('2026-10-25T16:59:59Z'), at('2026-10-25T17:00:00Z'));
});

test('weekday, by the segment’s midnight', () => {
  const weekdays = '!(context.dayOfWeek in [Day::"sat", Day::"sun"])';
  bounds(
    weekdays,
    at('2026-11-22T23:00:00Z'),
    at('2026-11-22T22:59:59Z'),
    'weekday not in sat, sun',
    'weekday is sun',
  );
  bounds(
    weekdays,
    at('2026-11-20T12:00:00Z', 'Asia/Tokyo'),
    at('2026-11-20T15:00:00Z', 'Asia/Tokyo'),
    'weekday is sat',
  );
});

test('moment, account type, title, on call', () => {
  bounds(
    'context.now < datetime("2026-12-01")',
    at('2026-11-30T23:59:59.999Z'),
    at('2026-12-01T00:00:00Z'),
    'time less than 2026-12-01',
    '2026-12-01T00:00:00.000Z',
  );
  bounds(
    'principal.accountType != "contractor"',
    {},
    { principal: { accountType: 'contractor' } },
    'account type is not "contractor"',
  );
  const person = (condition: string) => `principal is Person && ${condition}`;
  bounds(
    person('principal has title && principal.title == "SRE"'),
    { principal: { title: 'SRE' } },
    {},
    'title is not known',
  );
  bounds(person('principal.onCall'), { principal: { onCall: true } }, {}, 'on call', 'not on call');
});

test('task and what is above it, ticket, purpose, strong sign-in', () => {
  const policy = permitWhen('context.task in Task::"read"');
  assert.equal(decideBy(policy, { task: { name: 'read-orders', ancestors: ['read'] } }).outcome, 'allow');
  assert.equal(decideBy(policy, { task: { name: 'read', ancestors: [] } }).outcome, 'allow');
  const other = decideBy(policy, { task: 'fix-orders' });
  assert.equal(other.outcome, 'deny');
  assert.match(
    other.reasons[0]?.text ?? '',
    /No policy lets engineer .* request the task fix-orders on orders-db/,
  );
  const ticket = (value: string | null) => ({ context: { ticket: value } });
  bounds(
    'context has ticket && context.ticket like "OPS-*"',
    ticket('OPS-1'),
    ticket(null),
    'ticket is given',
    'ticket is not given',
  );
  bounds(
    'context has ticket && context.ticket like "OPS-*"',
    ticket('OPS-1'),
    ticket('DEV-1'),
    'ticket matches "OPS-*"',
    'ticket is DEV-1',
  );
  bounds(
    'context has purpose && context.purpose != ""',
    {},
    { context: { purpose: null } },
    'purpose is given',
  );
  const mfa = (mfaAgeSeconds: number | null) => ({ context: { mfaAgeSeconds } });
  const fresh = 'context has mfaAge && context.mfaAge <= duration("10m")';
  bounds(fresh, mfa(600), mfa(601), 'time since strong sign-in at most 10 min');
  bounds(fresh, mfa(0), mfa(null), 'no strong sign-in');
});

test('segment, environment, kind, sensitivity, owner', () => {
  const outside = (segment: string) => ({ target: { segment } });
  const policy = `permit (${SCOPE}, ${BOTH}, ${HERE});`;
  assert.equal(decideBy(policy, outside('prod/eu/orders/archive')).outcome, 'allow');
  for (const segment of ['prod/eu', 'prod/eu/orders2', 'prod/us/orders', 'test/prod/eu/orders']) {
    const denied = decideBy(policy, outside(segment));
    assert.equal(denied.outcome, 'deny', segment);
    assert.ok(denied.reasons[0]?.text.includes(`in segment ${segment}`));
  }
  bounds(
    'resource in Environment::"staging"',
    { target: { environment: 'staging' } },
    {},
    'the target in environment staging',
  );
  bounds(
    'resource.kind == "postgres"',
    {},
    { target: { kind: 'linux' } },
    "the target's kind",
    'kind is linux',
  );
  bounds(
    'resource.sensitivity != Sensitivity::"high"',
    { target: { sensitivity: 'low' } },
    {},
    'sensitivity is high',
  );
  bounds(
    'resource has owner && resource.owner == "team-a"',
    { target: { owner: 'team-a' } },
    { target: { owner: 'team-b' } },
    'owner is team-b',
  );
});

test('services and agents are types of their own', () => {
  const policy = `permit (principal is Service in Group::"pipelines", ${BOTH}, ${HERE});`;
  const groups = ['pipelines'];
  assert.equal(decideBy(policy, { principal: { kind: 'service', name: 'bot', groups } }).outcome, 'allow');
  assert.equal(decideBy(policy, { principal: { kind: 'person', name: 'bot', groups } }).outcome, 'deny');
  assert.equal(decideBy(policy, { principal: { kind: 'agent', name: 'bot', groups } }).outcome, 'deny');
});
