// Approvals in stages: who may say yes now and who later, who comes in after a while, and what an approver's yes is
// worth when they or the card have changed since.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newId } from '../../src/base/ids.ts';
import { type Company, codeOf, openCompany } from '../harness/company.ts';
import { type Sallyport, startSallyport } from '../harness/sallyport.ts';

let sallyport: Sallyport;
let company: Company;
before(async () => {
  sallyport = await startSallyport();
  company = await openCompany(sallyport);
  await company.hire('ann', 'dba');
  await company.hire('bo', 'dba', 'security');
  await company.hire('cy', 'security');
  await company.hire('lee', 'leads');
});
after(async () => {
  await company.close();
  await sallyport[Symbol.asyncDispose]();
});

const APPROVERS = `permit (principal, action == Action::"approve", resource)
  when { principal in Group::"dba" || principal in Group::"security" || principal in Group::"leads" };`;
const needs = (stages: string, more = '') => `${APPROVERS} ${more}
  @approvals("${stages.replaceAll('"', '\\"')}")
  permit (principal in Group::"engineering", action == Action::"request", resource);`;

const approve = (name: string, id: string, body: object = {}) =>
  company.call(name, 'POST', `/api/requests/${id}/approve`, body);
const refusals = async (id: string): Promise<string[]> => {
  const { rows } = await company.store.query<{ who: string; code: string }>(
    `select leaf::jsonb -> 'actor' ->> 'name' as who, leaf::jsonb -> 'detail' ->> 'code' as code
     from audit_entries where request_id = $1 and kind = 'approval.refused' order by seq`,
    [id],
  );
  return rows.map((row) => `${row.who} ${row.code}`);
};

test('the second stage opens when the first is met; before that its people may not and are not asked', async () => {
  await company.publish(needs('1 of Group::"dba"; 2 of Group::"security"'));
  const { request } = await company.request('engineer');
  const states = async () =>
    (await company.see('engineer', request.id)).request.stages.map((one) => one.state);
  assert.deepEqual(await states(), ['open', 'waiting']);
  const early = await approve('cy', request.id);
  assert.deepEqual([early.status, codeOf(early)], [409, 'stage-not-open']);
  const queue = async (name: string) =>
    (
      (await company.call(name, 'GET', '/api/requests?view=approvals')).body as { items: { id: string }[] }
    ).items.map((one) => one.id);
  assert.ok(!(await queue('cy')).includes(request.id));
  assert.ok((await queue('ann')).includes(request.id));
  assert.equal(
    (await company.see('cy', request.id)).request.mayNot,
    'Your stage is not open yet: others approve first.',
  );
  const never = await approve('lee', request.id);
  assert.deepEqual([never.status, codeOf(never)], [403, 'may-not-approve']);
  assert.equal((await approve('ann', request.id)).status, 200);
  assert.deepEqual(await states(), ['met', 'open']);
  assert.ok((await queue('cy')).includes(request.id));
  assert.equal((await approve('cy', request.id)).status, 200);
  assert.equal((await company.see('engineer', request.id)).request.state, 'pending', 'two of security');
  assert.equal((await approve('bo', request.id)).status, 200);
  assert.equal((await company.see('engineer', request.id)).request.state, 'approved');
  assert.deepEqual(await refusals(request.id), ['cy stage-not-open', 'lee may-not-approve']);
});

test('one person in two groups fills one place: with a minimum of two it stays pending', async () => {
  await company.publish(needs('1 of Group::"dba"; 1 of Group::"security"'));
  const { request } = await company.request('engineer');
  assert.equal((await approve('bo', request.id)).status, 200);
  assert.equal(codeOf(await approve('bo', request.id)), 'already-decided');
  assert.equal((await company.see('engineer', request.id)).request.state, 'pending');
  assert.equal((await approve('cy', request.id)).status, 200);
  assert.equal((await company.see('engineer', request.id)).request.state, 'approved');
});

test('fifty approvals at once in two stages are one grant, and nobody who is not asked is counted', async () => {
  await company.publish(needs('1 of Group::"dba"; 1 of Group::"security"'));
  const { request } = await company.request('engineer');
  const people = ['ann', 'bo', 'cy', 'lee', 'engineer'];
  await Promise.all(
    Array.from({ length: 50 }, (_, i) => approve(people[i % people.length] ?? '', request.id)),
  );
  // Whoever of security came before anybody of dba was told to wait.
  await approve('cy', request.id);
  const { request: after } = await company.see('engineer', request.id);
  assert.equal(after.state, 'approved');
  assert.equal(after.approvals.length, 2);
  const { rows } = await company.store.query('select id from grants where request_id = $1', [request.id]);
  assert.equal(rows.length, 1);
});

test('after its time a stage asks others too, as the card says from the beginning', async () => {
  await company.publish(needs('1 of Group::"dba", after 1h also Group::"leads"'));
  const { request } = await company.request('engineer');
  const [stage] = request.stages;
  assert.equal(Date.parse(stage?.widensAt ?? '') - Date.parse(stage?.openedAt ?? ''), 3_600_000);
  assert.equal(codeOf(await approve('lee', request.id)), 'may-not-approve');
  await company.store.query(`update requests set created_at = created_at - interval '1 hour' where id = $1`, [
    request.id,
  ]);
  const widened = (await company.see('lee', request.id)).request;
  assert.equal(widened.mayApprove, true);
  assert.ok(widened.stages[0]?.candidates.some((one) => one.name === 'lee'));
  assert.equal((await approve('lee', request.id)).status, 200);
  assert.equal((await company.see('engineer', request.id)).request.state, 'approved');
});

test('an approval answers the card that was shown: obligations that came since are another card', async () => {
  await company.publish(needs('2 of Group::"dba"'));
  const { request } = await company.request('engineer');
  assert.equal((await approve('ann', request.id, { digest: request.digest })).status, 200);
  await company.publish(needs('2 of Group::"dba"').replace('@approvals', '@maxDuration("45m") @approvals'));
  assert.equal(codeOf(await approve('bo', request.id, { digest: request.digest })), 'decision-changed');
  // The card in the other hand is as old as that one.
  assert.equal(codeOf(await approve('bo', request.id, { digest: request.digest })), 'request-changed');
  const fresh = (await company.see('bo', request.id)).request;
  assert.notEqual(fresh.digest, request.digest);
  assert.deepEqual(fresh.approvals, [], 'what was said to the old card does not count');
  assert.equal((await approve('bo', request.id, { digest: fresh.digest })).status, 200);
  assert.equal((await company.see('engineer', request.id)).request.state, 'pending');
  assert.equal((await approve('ann', request.id, { digest: fresh.digest })).status, 200);
  assert.equal((await company.see('engineer', request.id)).request.state, 'approved');
});

test('whoever approved and has lost the right since does not count when the last one approves', async () => {
  await company.publish(needs('2 of Group::"dba"'));
  await company.hire('mel', 'dba');
  const { request } = await company.request('engineer');
  assert.equal((await approve('mel', request.id)).status, 200);
  await company.store.query(
    `delete from memberships where principal_id = (select id from principals where name = 'mel')`,
  );
  assert.equal((await approve('ann', request.id)).status, 200);
  assert.equal((await company.see('engineer', request.id)).request.state, 'pending');
  assert.equal((await approve('bo', request.id)).status, 200);
  assert.equal((await company.see('engineer', request.id)).request.state, 'approved');
});

test('the requester, their other accounts, their sponsor and whom they sponsor fill no stage', async () => {
  await company.publish(needs('1 of Group::"dba"'));
  await company.hire('eve', 'engineering', 'dba');
  await company.hire('eve-admin', 'dba');
  await company.hire('eves-sponsor', 'dba');
  await company.hire('sponsored', 'dba');
  const idOf = `(select id from principals where name = $1)`;
  await company.store.query(`update principals set same_person_as = ${idOf} where name = 'eve-admin'`, [
    'eve',
  ]);
  await company.store.query(`update principals set sponsor_id = ${idOf} where name = 'eve'`, [
    'eves-sponsor',
  ]);
  await company.store.query(`update principals set sponsor_id = ${idOf} where name = 'sponsored'`, ['eve']);
  const { request } = await company.request('eve');
  for (const name of ['eve', 'eve-admin', 'eves-sponsor', 'sponsored']) {
    assert.ok([403, 404].includes((await approve(name, request.id)).status), name);
  }
  assert.equal((await company.see('eve', request.id)).request.approvals.length, 0);
  assert.equal((await approve('ann', request.id)).status, 200);
});

test('a group of approvers that does not exist is a warning, and the card says that nobody can approve', async () => {
  const [warning, ...others] = await company.publish(needs('1 of Group::"nobodies"'));
  assert.match(warning ?? '', /no group "nobodies".*test\//);
  assert.deepEqual(others, []);
  assert.deepEqual(await company.publish(needs('1 of Group::"dba"')), []);
});

test('the command line shows the open stage, what comes after it and when others come in', async () => {
  await company.publish(needs('1 of Group::"dba", after 1h also Group::"leads"; 1 of Group::"security"'));
  const { request } = await company.request('engineer');
  const shown = await sallyport.cli('engineer', 'requests', request.id);
  const waiting = await sallyport.cli(
    'engineer',
    'request',
    'orders-db',
    '--task',
    'fix-orders',
    '--reason',
    'look',
  );
  assert.match(
    waiting.stderr,
    /1 of Group::"dba", then 1 of Group::"security" · can approve: .*ann.*also Group::"leads" from/,
  );
  assert.ok(shown.code !== null);
  const explained = await sallyport.cli('engineer', 'policy', 'explain', 'orders-db', '--task', 'fix-orders');
  assert.match(
    explained.stdout,
    /needs {2}1 of Group::"dba", after 1h also Group::"leads"\n {2}then {3}1 of Group::"security"/,
  );
});

const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
const delegation = (who: string, standIn: string, more: object = {}) =>
  company.call(who, 'POST', '/api/delegations', { standIn, until: inAnHour(), ...more });
const endAll = async (who: string) => {
  const { items } = (await company.call(who, 'GET', '/api/delegations')).body as { items: { id: string }[] };
  for (const { id } of items) await company.call(who, 'POST', `/api/delegations/${id}/end`);
};

test('a stand-in approves for who is away: shown on the card, one person, audited, and over when it is ended', async () => {
  await company.publish(needs('2 of Group::"dba"'));
  await company.hire('sub');
  assert.equal((await delegation('ann', 'sub')).status, 201);
  const { request } = await company.request('engineer');
  const seen = (await company.see('sub', request.id)).request;
  assert.equal(seen.mayApprove, true);
  const [pair] = seen.stages[0]?.standIns ?? [];
  assert.deepEqual([pair?.by.name, pair?.onBehalfOf.name], ['sub', 'ann']);
  assert.equal((await approve('sub', request.id)).status, 200);
  const after = (await company.see('engineer', request.id)).request;
  assert.equal(after.approvals[0]?.onBehalfOf?.name, 'ann');
  // Who was stood in for has spoken, and so has the stand-in.
  assert.equal((await approve('ann', request.id)).status, 403);
  assert.equal(codeOf(await approve('sub', request.id)), 'already-decided');
  assert.equal((await company.see('engineer', request.id)).request.state, 'pending');
  assert.equal((await approve('bo', request.id)).status, 200);
  assert.equal((await company.see('engineer', request.id)).request.state, 'approved');
  const { rows } = await company.store.query<{ name: string }>(
    `select leaf::jsonb -> 'detail' ->> 'onBehalfOf' as name from audit_entries
     where request_id = $1 and kind = 'request.approved' order by seq limit 1`,
    [request.id],
  );
  assert.equal(rows[0]?.name, 'ann');
  await endAll('ann');
  const next = await company.request('engineer');
  assert.equal((await approve('sub', next.request.id)).status, 404, 'it is over, and sub is nobody here');
});

test('a stand-in approves nothing of their own or of who is away, and cannot pass it on', async () => {
  await company.publish(needs('1 of Group::"dba"'));
  await company.hire('dev', 'engineering');
  await company.hire('third');
  assert.equal((await delegation('ann', 'dev')).status, 201);
  const own = await company.request('dev');
  assert.equal((await approve('dev', own.request.id)).status, 403, 'not their own request');
  await endAll('ann');
  assert.equal((await delegation('eve', 'third')).status, 201);
  const absent = await company.request('eve');
  assert.ok(
    [403, 404].includes((await approve('third', absent.request.id)).status),
    'not a request of who is away',
  );
  await endAll('eve');
  // Third for dev, and dev for ann: third is nobody to ann.
  assert.equal((await delegation('dev', 'third')).status, 201);
  const refused = await delegation('ann', 'dev');
  assert.deepEqual([refused.status, codeOf(refused)], [409, 'stand-in-away']);
  await company.store.query(
    `insert into delegations (id, principal_id, stand_in_id, from_at, until_at)
     select $1, a.id, d.id, now(), now() + interval '1 hour' from principals a, principals d
     where a.name = 'ann' and d.name = 'dev'`,
    [newId('delegation')],
  );
  const { request } = await company.request('engineer');
  assert.equal((await approve('third', request.id)).status, 404);
  assert.equal((await approve('dev', request.id)).status, 200);
  await endAll('dev');
});

test('a delegation needs an end that comes, is not for ever, and names somebody else', async () => {
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
  for (const [body, status] of [
    [{ standIn: 'bo' }, 422],
    [{ standIn: 'bo', until: inDays(31) }, 422],
    [{ standIn: 'bo', until: inDays(-1) }, 422],
    [{ standIn: 'bo', from: inDays(2), until: inDays(1) }, 422],
    [{ standIn: 'bo', until: '2027-01-01' }, 422],
    [{ standIn: 'ann', until: inDays(1) }, 409],
    [{ standIn: 'deploy-bot', until: inDays(1) }, 422],
    [{ standIn: 'no-such-person', until: inDays(1) }, 404],
  ] as const) {
    assert.equal(
      (await company.call('ann', 'POST', '/api/delegations', body)).status,
      status,
      JSON.stringify(body),
    );
  }
  const made = await company.call('ann', 'POST', '/api/delegations', {
    standIn: 'bo',
    until: inDays(30 - 0.01),
  });
  assert.equal(made.status, 201);
  const { id } = made.body as { id: string };
  assert.equal(
    (await company.call('cy', 'POST', `/api/delegations/${id}/end`)).status,
    404,
    'not theirs to end',
  );
  assert.equal((await company.call('bo', 'POST', `/api/delegations/${id}/end`)).status, 200);
});

test('on call is a schedule: who is on shift approves, from its beginning to its end', async () => {
  await company.publish(needs('1 of onCall Group::"dba"'));
  const { request } = await company.request('engineer');
  assert.deepEqual(request.stages[0]?.candidates, []);
  assert.equal(codeOf(await approve('ann', request.id)), 'may-not-approve');
  const put = (...flags: string[]) => sallyport.cli('admin', 'on-call', 'add', 'ann', ...flags);
  assert.equal((await put('--group', 'security', '--until', inAnHour())).code, 1, 'not in that group');
  assert.equal((await put('--group', 'dba', '--until', '2027-01-01T08:00')).code, 2, 'no offset');
  const later = new Date(Date.now() + 1_800_000).toISOString();
  assert.equal((await put('--group', 'dba', '--from', later, '--until', inAnHour())).code, 0);
  assert.equal(codeOf(await approve('ann', request.id)), 'may-not-approve', 'not yet');
  const added = await put('--group', 'dba', '--until', inAnHour(), '--json');
  assert.equal(added.code, 0, added.stderr);
  const { id } = JSON.parse(added.stdout) as { id: string };
  assert.equal((await approve('ann', request.id)).status, 200);
  const next = await company.request('engineer');
  assert.equal((await sallyport.cli('admin', 'on-call', 'end', id)).code, 0);
  assert.equal(codeOf(await approve('ann', next.request.id)), 'may-not-approve', 'over');
});
