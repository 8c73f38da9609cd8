// What may be held, and for how long it stays so: limits that hold for fifty at once, and live grants that end when
// what their decision rested on is no longer so.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { grant as grantSchema } from '../../src/api/grants.ts';
import { preview, submitted } from '../../src/api/requests.ts';
import { type Company, codeOf, openCompany } from '../harness/company.ts';
import { type Sallyport, startSallyport } from '../harness/sallyport.ts';

let sallyport: Sallyport;
let company: Company;
before(async () => {
  sallyport = await startSallyport();
  company = await openCompany(sallyport);
});
after(async () => {
  await company.close();
  await sallyport[Symbol.asyncDispose]();
});

const HERE = 'resource in Segment::"prod"';
const BOTH = 'action in [Action::"request", Action::"autoApprove"]';
const atOnce = (
  more: string,
  when = 'true',
) => `${more} permit (principal, ${BOTH}, ${HERE}) when { ${when} };
  permit (principal in Group::"approvers", action == Action::"approve", resource);`;
const idOf = (name: string) => `(select id from principals where name = '${name}')`;

const giveBack = async (name: string) => {
  const { body } = await company.call(name, 'GET', '/api/grants?view=mine&state=live&limit=200');
  for (const { id, state } of (body as { items: { id: string; state: string }[] }).items)
    if (state === 'active' || state === 'granting')
      await company.call(name, 'POST', `/api/grants/${id}/done`, {});
};

/** The end of a grant, with what the log says of it. */
async function endOf(grantId: string): Promise<{ reason: string | null; note: string }> {
  const endsAt = Date.now() + 15_000;
  for (;;) {
    const { rows } = await company.store.query<{ reason: string; note: string }>(
      `select leaf::jsonb -> 'detail' ->> 'reason' as reason, leaf::jsonb -> 'detail' ->> 'note' as note
       from audit_entries where grant_id = $1 and kind = 'grant.ending'`,
      [grantId],
    );
    if (rows[0] !== undefined) return rows[0];
    assert.ok(Date.now() < endsAt, 'the grant goes on');
    await delay(100);
  }
}

async function held(name: string, more: Record<string, unknown> = {}): Promise<string> {
  const { grant, request } = await company.request(name, more, 20);
  assert.equal(grant?.state, 'active', JSON.stringify(request.decision));
  return grant.id;
}
const stillThere = async (id: string) =>
  (await sallyport.ask('auditor', 'GET', `/api/grants/${id}`, grantSchema)).state === 'active';

test('fifty requests at once are exactly as many grants as the limit; one given back lets one more in', async () => {
  await company.publish(atOnce('@limits("3 active per person in prod")'));
  await company.hire('max', 'engineering');
  const answers = await Promise.all(Array.from({ length: 50 }, () => company.request('max')));
  assert.equal(answers.filter(({ grant }) => grant !== null).length, 3);
  const refused = answers.find(({ request }) => request.state === 'denied');
  assert.match(
    refused?.request.decision.reasons[0]?.text ?? '',
    /The limit is reached: 3 of 3 active per person in prod are held already, and this asks for one more\./,
  );
  assert.equal(refused?.request.decision.reasons[0]?.policy, 'test/1');
  const look = { target: 'orders-db', task: 'read-orders', duration: '30m' };
  const asked = await company.ask('max', 'POST', '/api/requests/preview', preview, look);
  assert.equal(asked.decision.outcome, 'deny');
  const other = await sallyport.ask('engineer', 'POST', '/api/requests/preview', preview, look);
  assert.equal(other.decision.outcome, 'allow', 'a limit per person holds for each by themselves');
  assert.deepEqual(other.limits, ['0 of 3 active per person in prod']);
  const first = answers.find(({ grant }) => grant !== null)?.grant?.id ?? '';
  assert.equal((await company.call('max', 'POST', `/api/grants/${first}/done`, {})).status, 200);
  assert.equal((await company.request('max')).request.state, 'approved');
  await giveBack('max');
});

test('a limit of a segment counts everybody, other accounts of a person count as theirs', async () => {
  await company.publish(atOnce('@limits("4 active in prod/eu; 3 active per person")'));
  await company.hire('max-admin', 'engineering');
  await company.store.query(`update principals set same_person_as = ${idOf('max')} where name = 'max-admin'`);
  const people = ['max', 'max-admin', 'engineer'];
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      company.request(people[i % 3] ?? '').then((got) => [people[i % 3], got] as const),
    ),
  );
  const granted = answers.filter(([, { grant }]) => grant !== null).map(([name]) => name);
  assert.equal(granted.length, 4);
  assert.ok(granted.filter((name) => name !== 'engineer').length <= 3);
  for (const name of people) await giveBack(name);
});

test('the time of a week is what was held and what may still be held; the answer names what is left', async () => {
  await company.publish(atOnce('@limits("2h a week per person")'));
  await company.hire('week', 'engineering');
  const first = await held('week', { duration: '90m' });
  const { request } = await company.request('week', { duration: '31m' });
  assert.equal(request.state, 'denied');
  assert.match(
    request.decision.reasons[0]?.text ?? '',
    /1 h 30 min of 2 h a week per person is taken already/,
  );
  const look = { target: 'orders-db', task: 'read-orders', duration: '1h' };
  const told = await company.ask('week', 'POST', '/api/requests/preview', preview, look);
  assert.equal(told.longestSeconds, 1800);
  const longer = await company.call('week', 'POST', `/api/grants/${first}/extend`, {
    duration: '31m',
    reason: 'more',
  });
  assert.deepEqual([longer.status, codeOf(longer)], [403, 'extension-denied']);
  const fits = await company.call('week', 'POST', `/api/grants/${first}/extend`, {
    duration: '30m',
    reason: 'more',
  });
  assert.equal(fits.status, 200, JSON.stringify(fits.body));
  await company.call('week', 'POST', `/api/grants/${first}/done`, {});
  assert.equal(
    (await company.request('week', { duration: '119m' })).request.state,
    'approved',
    'what was not used is free',
  );
  await giveBack('week');
});

test('a limit holds at the last approval too, and leaves the request as it was', async () => {
  const rules = `@limits("1 active per person") @approvals("1 of Group::\\"approvers\\"")
    permit (principal in Group::"engineering", action == Action::"request", ${HERE});
    permit (principal in Group::"approvers", action == Action::"approve", resource);`;
  await company.publish(rules);
  await company.hire('two', 'engineering');
  const [one, other] = [await company.request('two'), await company.request('two')];
  const approve = (id: string) => sallyport.call('approver', 'POST', `/api/requests/${id}/approve`, {});
  const both = await Promise.all([approve(one.request.id), approve(other.request.id)]);
  assert.deepEqual(both.map((answer) => answer.status).sort(), [200, 409]);
  const refused = both.find((answer) => answer.status === 409);
  assert.equal(codeOf(refused ?? { status: 0, body: {} }), 'limit-reached');
  const states = await Promise.all(
    [one, other].map(async ({ request }) => (await company.see('two', request.id)).request.state),
  );
  assert.deepEqual(states.sort(), ['approved', 'pending']);
  await giveBack('two');
});

test('limits are checked at load', async () => {
  for (const [text, message] of [
    ['three active', /is not a limit/],
    ['0 active', /write a forbid/],
    ['3 active in Prod', /is not a limit/],
    ['3 active; 4 active', /twice/],
    ['1y a week', /not a duration/],
  ] as const) {
    const files = { 'a.cedar': atOnce(`@limits("${text}")`) };
    const asked = { files, comment: 'a test of limits' };
    const { status, body } = await sallyport.call('admin', 'POST', '/api/policy/proposals', asked);
    assert.equal(status, 422, text);
    assert.match(JSON.stringify(body), message);
  }
});

test('a person who leaves the group loses the grant, and nobody else does', async () => {
  await company.publish(atOnce('', 'principal in Group::"engineering"'));
  await company.hire('leaver', 'engineering', 'dba');
  const [gone, stays] = [await held('leaver'), await held('engineer')];
  await company.store.query(
    `delete from memberships where principal_id = ${idOf('leaver')}
       and group_id = (select id from groups where name = 'engineering')`,
  );
  const end = await endOf(gone);
  assert.equal(end.reason, 'no-longer-allowed');
  assert.match(end.note, /groups of leaver: was dba, engineering, is dba/);
  assert.equal(await stillThere(stays), true);
  await giveBack('engineer');
});

test('the end of a shift, of a time window and of an exception each end what rested on them', async () => {
  await company.hire('oncall', 'engineering');
  await company.store.query(
    `insert into on_call_shifts (id, group_id, principal_id, from_at, until_at)
     select 'shf_test', g.id, ${idOf('oncall')}, now() - interval '1 hour', now() + interval '1 hour'
     from groups g where g.name = 'engineering'`,
  );
  const soon = new Date(Date.now() + 8_000);
  const iso = soon.toISOString();
  await company.publish(
    `
    @id("shift") ${atOnce('', 'principal is Person && principal.onCall')}
    @id("window") permit (principal, ${BOTH}, ${HERE}) when { context.ticket == "WINDOW-1" && context.now < datetime("${iso}") };
    @id("exception") @expires("${iso}") permit (principal, ${BOTH}, ${HERE}) when { context.ticket == "WINDOW-2" };`.replaceAll(
      'context.ticket ==',
      'context has ticket && context.ticket ==',
    ),
  );
  const [shift, window, exception] = [
    await held('oncall'),
    await held('engineer', { ticket: 'WINDOW-1' }),
    await held('engineer', { ticket: 'WINDOW-2' }),
  ];
  await company.store.query(`update on_call_shifts set ended_at = now() where id = 'shf_test'`);
  const overShift = await endOf(shift);
  assert.equal(overShift.reason, 'no-longer-allowed');
  assert.match(overShift.note, /on call of oncall: was yes, is no/);
  for (const id of [window, exception]) {
    const end = await endOf(id);
    assert.ok(Date.now() >= soon.getTime(), 'not before its time');
    assert.match(end.note, /Policy does not allow it any more: .*(time is|it expired at)/);
  }
});

test('a task or target that changed ends what it no longer fits, or what was approved as something else', async () => {
  const approved = `@approvals("1 of Group::\\"approvers\\"")
    permit (principal in Group::"engineering", action == Action::"request", ${HERE}) when { context.task == Task::"fix-orders" };`;
  await company.publish(
    atOnce('', 'context.task == Task::"read-orders" && resource.sensitivity == Sensitivity::"high"') +
      approved,
  );
  const { request } = await company.request('engineer', { task: 'fix-orders' });
  assert.equal(
    (await sallyport.call('approver', 'POST', `/api/requests/${request.id}/approve`, {})).status,
    200,
  );
  const path = `/api/requests/${request.id}?wait=20`;
  const { grant: fix } = await company.ask('engineer', 'GET', path, submitted);
  assert.equal(fix?.state, 'active');
  const read = await held('engineer');
  await company.store.query(
    `update tasks set entitlement = jsonb_set(entitlement, '{statementTimeoutSeconds}', '299') where name = 'fix-orders'`,
  );
  const end = await endOf(fix?.id ?? '');
  assert.match(end.note, /means something else now: its task or target has changed/);
  assert.equal(await stillThere(read), true);
  await company.store.query(`update targets set sensitivity = 'low' where name = 'orders-db'`);
  assert.match((await endOf(read)).note, /sensitivity: was high, is low/);
  await company.store.query(`update targets set sensitivity = 'high' where name = 'orders-db'`);
});

test('an agent gets what its sponsor may ask for and no more, and loses it with its sponsor', async () => {
  await company.publish(`
    @id("agents") permit (principal is Agent, ${BOTH}, ${HERE});
    @id("people") @maxDuration("20m") permit (principal in Group::"sponsors", ${BOTH}, ${HERE}) when { context.task == Task::"read-orders" };`);
  await company.hire('boss', 'sponsors');
  await company.hire('robot');
  await company.store.query(
    `update principals set kind = 'agent', account_type = 'agent', sponsor_id = ${idOf('boss')} where name = 'robot'`,
  );
  const wider = await company.request('robot', { task: 'fix-orders', duration: '10m' });
  assert.equal(wider.request.state, 'denied');
  assert.match(wider.request.decision.reasons[0]?.text ?? '', /The sponsor boss may not ask for this either/);
  assert.equal(
    (await company.request('robot', { duration: '30m' })).request.state,
    'denied',
    'as long as its sponsor',
  );
  const id = await held('robot', { duration: '10m' });
  assert.equal(
    (await sallyport.call('admin', 'POST', '/api/principals/boss/disable', { reason: 'left' })).status,
    200,
  );
  const end = await endOf(id);
  assert.equal(end.reason, 'no-longer-allowed');
  assert.match(end.note, /The sponsor boss is disabled.*disabled, boss: was no, is yes/);
  assert.equal((await company.request('robot', { duration: '10m' })).request.state, 'denied');
});

test('a start in the future: decided for that moment, approved before it, and the clock starts then', async () => {
  const start = new Date(Date.now() + 9_000);
  const from = new Date(start.getTime() - 1_000).toISOString();
  await company.publish(`permit (principal in Group::"approvers", action == Action::"approve", resource);
    permit (principal, ${BOTH}, ${HERE}) when { context.task == Task::"read-orders" && context.now >= datetime("${from}") };
    @approvals("1 of Group::\\"approvers\\"") permit (principal, action == Action::"request", ${HERE})
      when { context.task == Task::"fix-orders" };`);
  const startsAt = start.toISOString();
  assert.equal((await company.request('engineer')).request.state, 'denied', 'not yet');
  const look = { target: 'orders-db', task: 'read-orders', duration: '30m', startsAt };
  assert.equal(
    (await sallyport.ask('engineer', 'POST', '/api/requests/preview', preview, look)).decision.outcome,
    'allow',
  );
  const { grant, request } = await company.request('engineer', { startsAt, duration: '30m' }, 20);
  assert.deepEqual([request.state, grant?.state, grant?.startsAt], ['approved', 'planned', startsAt]);
  const asked = await company.request('engineer', { task: 'fix-orders', startsAt });
  assert.deepEqual([asked.request.state, asked.request.expiresAt], ['pending', startsAt]);
  const answer = await sallyport.call('approver', 'POST', `/api/requests/${asked.request.id}/approve`, {});
  const approved = submitted.parse(answer.body).grant;
  assert.equal(approved?.state, 'planned');
  for (const id of [grant?.id ?? '', approved?.id ?? '']) {
    const refused = await sallyport.call('engineer', 'POST', `/api/grants/${id}/credentials`, {});
    assert.equal(refused.status, 409, 'nothing to use before it starts');
  }
  const endsAt = Date.now() + 20_000;
  for (const id of [grant?.id ?? '', approved?.id ?? '']) {
    let now = await sallyport.ask('engineer', 'GET', `/api/grants/${id}`, grantSchema);
    while (now.state !== 'active' && Date.now() < endsAt) {
      await delay(200);
      now = await sallyport.ask('engineer', 'GET', `/api/grants/${id}`, grantSchema);
    }
    assert.equal(now.state, 'active');
    const activeMs = Date.parse(now.activatedAt ?? '');
    assert.ok(activeMs >= start.getTime(), 'not before its time');
    assert.equal(Date.parse(now.expiresAt ?? '') - activeMs, 1_800_000);
  }
  await giveBack('engineer');
});

test('a start that cannot be is a clear error; one that policy no longer allows ends before it begins', async () => {
  await company.publish(atOnce(''));
  await sallyport.cli('admin', 'segment', 'set', 'prod', '--time-zone', 'Europe/Berlin');
  const code = async (startsAt: string) =>
    codeOf(
      await sallyport.call('engineer', 'POST', '/api/requests/preview', {
        target: 'orders-db',
        task: 'read-orders',
        duration: '30m',
        startsAt,
      }),
    );
  assert.equal(await code('2020-01-01T00:00:00Z'), 'invalid-input');
  assert.equal(await code(new Date(Date.now() + 31 * 86_400_000).toISOString()), 'invalid-input');
  assert.equal(await code('soon'), 'invalid-input');
  assert.equal(await code('2027-03-28T02:30'), 'no-such-time');
  assert.equal(await code('2027-10-31T02:30'), 'ambiguous-time');
  const startsAt = new Date(Date.now() + 3_600_000).toISOString();
  const asked = await sallyport.cli(
    'engineer',
    ...['request', 'orders-db', '--task', 'read-orders', '--reason', 'later', '--at', startsAt, '--json'],
  );
  const { grant } = submitted.parse(JSON.parse(asked.stdout));
  assert.equal(grant?.state, 'planned');
  await company.publish(atOnce('', 'context.task == Task::"fix-orders"'));
  assert.equal((await endOf(grant?.id ?? '')).reason, 'policy-changed');
});
