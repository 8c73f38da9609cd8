// People, agents and groups that are kept by hand: changed, with who keeps what respected; and what would let one person
// become two. Each thing that must not happen is tried.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { grant as grantSchema } from '../../src/api/grants.ts';
import { issuedToken, principal } from '../../src/api/people.ts';
import { changedPrincipal, group, type PeopleChange, peopleChange } from '../../src/api/people-changes.ts';
import { changeAnswer } from '../../src/api/policy-changes.ts';
import { newId } from '../../src/base/ids.ts';
import { type Company, codeOf, openCompany } from '../harness/company.ts';
import { joinGroups, policiesInForce, type Sallyport, startSallyport } from '../harness/sallyport.ts';

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

const REASON = { reason: 'a test' };
const change = (by: string, name: string, body: object) =>
  company.call(by, 'POST', `/api/principals/${name}/change`, { ...REASON, ...body });
const changed = async (by: string, name: string, body: object) => {
  const answer = await change(by, name, body);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return changedPrincipal.parse(answer.body);
};
const confirm = (by: string, { id }: PeopleChange) =>
  company.call(by, 'POST', `/api/people-changes/${id}/confirm`, {});
const waitingOf = async (by: string, name: string, body: object): Promise<PeopleChange> => {
  const { waiting } = await changed(by, name, body);
  assert.ok(waiting, 'it was done at once');
  return waiting;
};
const seen = async (name: string) => {
  const list = z.object({ items: z.array(principal) });
  const { items } = await company.ask('admin', 'GET', '/api/principals', list);
  const found = items.find((one) => one.name === name);
  assert.ok(found);
  return found;
};
const groupsOf = async (name: string) => (await seen(name)).groups;
const entries = async (kind: string, name: string) => {
  const { rows } = await company.store.query<{ detail: Record<string, unknown>; actor: string }>(
    `select leaf::jsonb -> 'detail' as detail, leaf::jsonb -> 'actor' ->> 'name' as actor from audit_entries
     where kind = $1 and leaf::jsonb -> 'detail' -> 'principal' ->> 'name' = $2 order by seq`,
    [kind, name],
  );
  return rows;
};

test('title, type, manager, sponsor and groups are set, seen and changed, each with its entry', async () => {
  await company.hire('mona');
  await company.hire('nils');
  const made = await company.call('admin', 'POST', '/api/groups', { name: 'readers' });
  assert.equal(made.status, 201);
  const { principal: mona } = await changed('admin', 'mona', {
    displayName: 'Mona M',
    title: 'Data engineer',
    accountType: 'contractor',
    manager: 'nils',
    join: ['readers'],
  });
  assert.deepEqual(
    [mona.displayName, mona.title, mona.accountType, mona.manager?.name, mona.groups],
    ['Mona M', 'Data engineer', 'contractor', 'nils', ['readers']],
  );
  const cleared = await changed('admin', 'mona', { title: null, manager: null, leave: ['readers'] });
  assert.deepEqual(
    [cleared.principal.title, cleared.principal.manager, cleared.principal.groups],
    [null, null, []],
  );
  const [first] = await entries('principal.changed', 'mona');
  assert.equal(first?.actor, 'admin');
  assert.deepEqual(first?.detail.changes, [
    'Called “Mona M”.',
    'Account type: contractor.',
    'Title: Data engineer.',
    'Manager: nils.',
    'Joins the group readers.',
  ]);
  const same = await change('admin', 'mona', { accountType: 'contractor' });
  assert.deepEqual([same.status, codeOf(same)], [409, 'nothing-changes']);
});

test('an agent has a sponsor, and its live grant is decided again when that changes', async () => {
  await company.publish(`
    permit (principal is Agent, action in [Action::"request", Action::"autoApprove"], resource in Segment::"prod");
    permit (principal in Group::"sponsors", action in [Action::"request", Action::"autoApprove"], resource in Segment::"prod");
    permit (principal, action == Action::"connect", resource);`);
  await company.hire('sponsor', 'sponsors');
  await company.hire('outsider');
  const agent = { kind: 'agent', name: 'robot', displayName: 'Robot' };
  const without = await company.call('admin', 'POST', '/api/principals', agent);
  assert.deepEqual([without.status, (without.body as { field?: string }).field], [422, 'sponsor']);
  const added = await company.call('admin', 'POST', '/api/principals', { ...agent, sponsor: 'sponsor' });
  assert.equal(added.status, 201, JSON.stringify(added.body));
  assert.equal((await seen('robot')).sponsor?.name, 'sponsor');
  const { token } = await company.ask('admin', 'POST', '/api/principals/robot/tokens', issuedToken, {});
  const asked = await fetch(`${sallyport.server()}/api/requests?wait=20`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ target: 'orders-db', task: 'read-orders', duration: '30m', ...REASON }),
  });
  const { grant } = (await asked.json()) as { grant: { id: string; state: string } };
  assert.equal(grant.state, 'active');
  assert.equal(
    (await changed('admin', 'robot', { sponsor: 'outsider' })).principal.sponsor?.name,
    'outsider',
  );
  const endsAt = Date.now() + 15_000;
  for (;;) {
    const now = await sallyport.ask('auditor', 'GET', `/api/grants/${grant.id}`, grantSchema);
    if (now.state !== 'active') break;
    assert.ok(Date.now() < endsAt, 'the grant outlives its sponsor');
    await delay(200);
  }
  for (const [body, field] of [
    [{ sponsor: 'deploy-bot' }, 'sponsor'],
    [{ manager: 'deploy-bot' }, 'manager'],
  ] as const) {
    const answer = await change('admin', 'robot', body);
    assert.deepEqual([answer.status, (answer.body as { field?: string }).field], [422, field]);
  }
  const ofPerson = await change('admin', 'outsider', { sponsor: 'sponsor' });
  assert.match(JSON.stringify(ofPerson.body), /Only agents have a sponsor/);
  const own = await change('admin', 'outsider', { manager: 'outsider' });
  assert.match(JSON.stringify(own.body), /Nobody is their own manager/);
});

test('what a directory or the provider keeps is refused, and the answer says who keeps it', async () => {
  await company.hire('kept');
  const { rows } = await company.store.query<{ id: string }>(`select id from principals where name = 'kept'`);
  const id = rows[0]?.id ?? '';
  await company.store.query(
    `insert into directory_users (principal_id, user_name, attributes, active) values ($1, 'kept', '{}', true)`,
    [id],
  );
  const title = await change('admin', 'kept', { title: 'Chief' });
  assert.deepEqual([title.status, codeOf(title)], [409, 'kept-by-directory']);
  assert.match(JSON.stringify(title.body), /kept by the directory \(SCIM\): change it there/);
  const groupId = newId('group');
  await company.store.query(`insert into groups (id, name) values ($1, 'from-there')`, [groupId]);
  await company.store.query(
    `insert into directory_groups (group_id, display_name) values ($1, 'From there')`,
    [groupId],
  );
  const joins = await change('admin', 'kept', { join: ['from-there'] });
  assert.deepEqual([joins.status, codeOf(joins)], [409, 'kept-by-directory']);
  const removed = await company.call('admin', 'POST', '/api/groups/from-there/delete', {});
  assert.deepEqual([removed.status, codeOf(removed)], [409, 'kept-by-directory']);
  await company.call('admin', 'POST', '/api/groups', { name: 'given' });
  await company.store.query(
    `insert into provider_memberships (issuer, group_id, principal_id) select 'https://idp', id, $1 from groups where name = 'given'`,
    [id],
  );
  const leaves = await change('admin', 'kept', { leave: ['given'] });
  assert.deepEqual([leaves.status, codeOf(leaves)], [409, 'kept-by-provider']);
  const byHand = await changed('admin', 'kept', { join: ['readers'] });
  assert.deepEqual(byHand.principal.groups, ['given', 'readers'], 'a group that is kept here');
});

test('a group is deleted only while nothing names it, and the answer says what does', async () => {
  await company.publish(`@approvals("1 of Group::\\"stage\\"")
    permit (principal in Group::"scope", action == Action::"request", resource in Segment::"prod")
      when { principal in Group::"condition" };
    permit (principal in Group::"approvers", action == Action::"approve", resource);`);
  for (const name of ['stage', 'scope', 'condition', 'shifted', 'owning', 'free'])
    await company.call('admin', 'POST', '/api/groups', { name });
  await company.hire('sally', 'shifted', 'free');
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const shift = await company.call('admin', 'POST', '/api/on-call', {
    group: 'shifted',
    principal: 'sally',
    until,
  });
  assert.equal(shift.status, 201, JSON.stringify(shift.body));
  await company.call('admin', 'POST', '/api/segments', { path: 'dev/own', owner: 'owning' });
  for (const [name, by] of [
    ['stage', /the policy test\/1/],
    ['scope', /the policy test\/1/],
    ['condition', /the policy test\/1/],
    ['shifted', /1 on-call shift/],
    ['owning', /the segment dev\/own/],
    ['administrators', /Sallyport itself/],
  ] as const) {
    const refused = await company.call('admin', 'POST', `/api/groups/${name}/delete`, {});
    assert.deepEqual([refused.status, codeOf(refused)], [409, 'group-in-use'], name);
    assert.match(JSON.stringify(refused.body), by, name);
  }
  const shiftId = (shift.body as { id: string }).id;
  await company.call('admin', 'POST', `/api/on-call/${shiftId}/end`, {});
  for (const name of ['free', 'shifted']) {
    const gone = await company.ask('admin', 'POST', `/api/groups/${name}/delete`, group, {});
    assert.equal(gone.memberCount, 1);
  }
  assert.deepEqual(await groupsOf('sally'), []);
});

test('a right over Sallyport takes two: not for oneself, not by the one who gains, not twice by one', async () => {
  await company.publish('');
  await company.hire('riser');
  for (const [name, body, why] of [
    ['riser', { join: ['administrators'] }, /riser could then administer Sallyport/],
    ['riser', { join: ['auditors'] }, /riser could then audit/],
    ['riser', { join: ['approvers'] }, /riser could then change policies/],
    ['admin', { title: 'Queen' }, /your own account/],
    ['admin', { join: ['auditors'] }, /your own account/],
    ['approver', { leave: ['approvers'] }, /could then no longer change policies/],
    ['riser', { manager: 'admin' }, /You would be the manager of riser/],
  ] as const) {
    const before = await groupsOf(name);
    const waiting = await waitingOf('admin', name, body);
    assert.match(waiting.whyTwo.join(' '), why);
    assert.deepEqual(await groupsOf(name), before, 'nothing has changed yet');
    const own = await confirm('admin', waiting);
    assert.deepEqual([own.status, codeOf(own)], [403, 'may-not-confirm'], 'the proposer is no second person');
    const refused = await company.ask(
      'second-approver',
      'POST',
      `/api/people-changes/${waiting.id}/refuse`,
      peopleChange,
      REASON,
    );
    assert.equal(refused.state, 'refused');
    const late = await confirm('approver', waiting);
    assert.deepEqual([late.status, codeOf(late)], [409, 'change-over']);
  }
  await company.publish(`@approveStatements("write by 1 of Group::\\"watchers\\"")
    permit (principal, action == Action::"connect", resource in Segment::"prod");`);
  await company.call('admin', 'POST', '/api/groups', { name: 'watchers' });
  const watches = await waitingOf('admin', 'riser', { join: ['watchers'] });
  assert.match(watches.whyTwo.join(' '), /riser could then approve as one of watchers/);
  const named = await company.call('admin', 'POST', '/api/groups/watchers/delete', {});
  assert.deepEqual([named.status, codeOf(named)], [409, 'group-in-use']);
  await company.publish('');
  const forApprover = await waitingOf('admin', 'approver', { join: ['administrators'] });
  const gains = await confirm('approver', forApprover);
  assert.deepEqual(
    [gains.status, codeOf(gains)],
    [403, 'may-not-confirm'],
    'nobody agrees to their own rise',
  );
  assert.match(JSON.stringify(gains.body), /about yourself/);
  assert.equal((await confirm('engineer', forApprover)).status, 403);
  const rises = await waitingOf('admin', 'riser', { join: ['auditors'] });
  assert.equal((await confirm('second-approver', rises)).status, 200);
  assert.deepEqual(await groupsOf('riser'), ['auditors']);
  const [entry] = await entries('principal.changed', 'riser');
  assert.deepEqual([entry?.actor, entry?.detail.proposedBy], ['second-approver', 'admin']);
  const straight = await company.call('admin', 'POST', '/api/principals', {
    name: 'puppet',
    displayName: 'Puppet',
    groups: ['approvers'],
  });
  assert.deepEqual([straight.status, codeOf(straight)], [409, 'takes-two']);
  // What policy asks for may be a title or a type, as well as a group.
  await company.publish(`permit (principal, action == Action::"changePolicy", resource) when {
    (principal has title && principal.title == "Head") || principal.accountType == "board" };`);
  for (const more of [{ title: 'Head' }, { accountType: 'board' }]) {
    const body = { name: 'puppet', displayName: 'Puppet', ...more };
    const by = await company.call('admin', 'POST', '/api/principals', body);
    assert.deepEqual([by.status, codeOf(by)], [409, 'takes-two'], JSON.stringify(more));
  }
  const list = await company.call('admin', 'GET', '/api/principals');
  assert.equal(JSON.stringify(list.body).includes('puppet'), false, 'nothing of it stays');
  await company.publish('');
});

test('a change that means more by the time it is confirmed is refused', async () => {
  await company.publish('');
  await company.hire('mover');
  await company.call('admin', 'POST', '/api/groups', { name: 'grows' });
  const waiting = await waitingOf('admin', 'mover', { join: ['grows', 'auditors'] });
  await company.publish(`permit (principal in Group::"grows", action == Action::"administer", resource);`);
  const answer = await confirm('approver', waiting);
  assert.deepEqual([answer.status, codeOf(answer)], [409, 'means-more']);
  assert.deepEqual(await groupsOf('mover'), []);
  await company.publish('');
});

test('fifty confirmations at once make one change', async () => {
  await company.hire('once');
  const waiting = await waitingOf('admin', 'once', { join: ['auditors'] });
  const answers = await Promise.all(Array.from({ length: 50 }, () => confirm('approver', waiting)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  assert.equal((await entries('principal.changed', 'once')).length, 1);
});

test('who is enabled again signs in anew; an approver comes back with a second person only', async () => {
  await company.hire('back');
  const before = await company.call('back', 'GET', '/api/me');
  assert.equal(before.status, 200);
  await company.call('admin', 'POST', '/api/principals/back/disable', REASON);
  const enabled = await company.call('admin', 'POST', '/api/principals/back/enable', REASON);
  assert.equal(enabled.status, 200, JSON.stringify(enabled.body));
  assert.equal((await company.call('back', 'GET', '/api/me')).status, 401, 'the token from before');
  assert.equal((await seen('back')).disabled, false);
  const twice = await company.call('admin', 'POST', '/api/principals/back/enable', REASON);
  assert.deepEqual([twice.status, codeOf(twice)], [409, 'not-disabled']);
  await joinGroups(sallyport, 'back', ['approvers']);
  await company.call('admin', 'POST', '/api/principals/back/disable', REASON);
  const again = await company.call('admin', 'POST', '/api/principals/back/enable', REASON);
  const { waiting } = changedPrincipal.parse(again.body);
  assert.match(waiting?.whyTwo.join(' ') ?? '', /back could then change policies/);
  assert.equal((await seen('back')).disabled, true);
});

/** A call with a token that the administrator handed out. */
async function withToken(token: string, path: string, body: object) {
  const response = await fetch(`${sallyport.server()}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as unknown };
}

test('a token that an administrator hands out is no second voice beside them', async () => {
  await company.publish(`@approvals("2 of Group::\\"approvers\\"")
    permit (principal, action == Action::"request", resource in Segment::"prod");
    permit (principal in Group::"approvers", action == Action::"approve", resource);`);
  const handed = async (name: string) =>
    (await company.ask('admin', 'POST', `/api/principals/${name}/tokens`, issuedToken, {})).token;
  const [one, other] = [await handed('approver'), await handed('second-approver')];

  const files = await policiesInForce(sallyport);
  const body = { files: { ...files, 'more.cedar': '// nothing' }, comment: 'a test' };
  const proposed = await company.ask('admin', 'POST', '/api/policy/proposals', changeAnswer, body);
  const sign = `/api/policy/proposals/${proposed.proposal.id}/sign`;
  const digest = { digest: proposed.proposal.digest };
  const signed = await withToken(one, sign, digest);
  assert.deepEqual([signed.status, codeOf(signed)], [403, 'may-not-sign']);
  assert.match(JSON.stringify(signed.body), /Alex Admin handed out a way to sign in/);
  const byPuppet = changeAnswer.parse(
    (
      await withToken(one, '/api/policy/proposals', {
        ...body,
        files: { ...files, 'more.cedar': '// other' },
      })
    ).body,
  );
  const back = await company.call('admin', 'POST', `/api/policy/proposals/${byPuppet.proposal.id}/sign`, {
    digest: byPuppet.proposal.digest,
  });
  assert.deepEqual([back.status, codeOf(back)], [403, 'may-not-sign'], 'nor the other way round');

  await company.hire('waits');
  const waiting = await waitingOf('admin', 'waits', { join: ['auditors'] });
  const confirmed = await withToken(one, `/api/people-changes/${waiting.id}/confirm`, {});
  assert.deepEqual([confirmed.status, codeOf(confirmed)], [403, 'may-not-confirm']);
  const chained = await withToken(one, '/api/principals/auditor/tokens', {});
  assert.equal(chained.status, 403, 'an approver hands out nothing');

  const own = await company.request('admin');
  const path = `/api/requests/${own.request.id}/approve`;
  const yes = await withToken(one, path, {});
  assert.deepEqual([yes.status, codeOf(yes)], [403, 'handed-out']);
  assert.match(JSON.stringify(yes.body), /a yes to their own request/);

  const standIn = await withToken(one, '/api/delegations', {
    standIn: 'mover',
    until: new Date(Date.now() + 3_600_000).toISOString(),
  });
  assert.deepEqual([standIn.status, codeOf(standIn)], [403, 'handed-out'], 'nor by way of a stand-in');

  const puppet = await handed('engineer');
  const look = { target: 'orders-db', task: 'read-orders', duration: '30m', ...REASON };
  const asked = (await withToken(puppet, '/api/requests', look)).body as { request: { id: string } };
  const asPuppet = `/api/requests/${asked.request.id}/approve`;
  const through = await withToken(one, asPuppet, {});
  assert.deepEqual([through.status, codeOf(through)], [403, 'handed-out'], 'asked and approved by one hand');
  assert.equal((await company.call('approver', 'POST', asPuppet, {})).status, 200, 'somebody else may');

  const theirs = await company.request('engineer');
  const approve = `/api/requests/${theirs.request.id}/approve`;
  assert.equal((await withToken(one, approve, {})).status, 200, 'one voice, for somebody else, it is');
  const second = await withToken(other, approve, {});
  assert.deepEqual(
    [second.status, codeOf(second)],
    [403, 'handed-out'],
    'both are the one who handed them out',
  );
  assert.equal((await company.see('engineer', theirs.request.id)).request.state, 'pending');
  assert.equal(
    (await company.call('second-approver', 'POST', approve, {})).status,
    200,
    'with a token of their own',
  );
  assert.equal((await company.see('engineer', theirs.request.id)).request.state, 'approved');

  assert.equal(
    (await company.call('approver', 'POST', sign, digest)).status,
    200,
    'with a token of their own',
  );
});
