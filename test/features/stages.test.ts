// Approvals in stages: who may say yes now and who later, who comes in after a while, and what an approver's yes is
// worth when they or the card have changed since.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
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
