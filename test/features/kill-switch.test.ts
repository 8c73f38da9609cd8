// The kill switch: who may press it for what, that everything in its scope ends and nothing new begins there, that the
// targets have the last word, and that it holds over a crash until somebody lifts it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { issuedCredential } from '../../src/api/grants.ts';
import { type Kill, kill as killSchema } from '../../src/api/kills.ts';
import { submitted } from '../../src/api/requests.ts';
import { pageOf } from '../../src/api/text.ts';
import { type Company, codeOf, openCompany } from '../harness/company.ts';
import { type Answer, type Sallyport, startSallyport } from '../harness/sallyport.ts';

let sallyport: Sallyport;
let company: Company;
let target: pg.Client;
before(async () => {
  sallyport = await startSallyport();
  company = await openCompany(sallyport);
  target = new pg.Client({ connectionString: sallyport.adminUrl() });
  target.on('error', () => undefined);
  await target.connect();
  await company.publish(POLICIES);
  for (const name of ['ada', 'bob']) await company.hire(name, 'engineering');
  await company.hire('olga', 'orders-owners');
  await company.hire('otto', 'payments-owners');
  await company.ask('admin', 'POST', '/api/segments', any, { path: 'prod/eu', owner: 'orders-owners' });
  await company.ask('admin', 'POST', '/api/segments', any, { path: 'prod/us', owner: 'payments-owners' });
});
after(async () => {
  await target.end();
  await company.close();
  await sallyport[Symbol.asyncDispose]();
});

const any = submitted
  .or(killSchema)
  .or(pageOf(killSchema))
  .catch(null as never);
const POLICIES = `
permit (principal, action in [Action::"request", Action::"autoApprove", Action::"connect"], resource)
  when { context.task == Task::"read-orders" };
@approvals("1 of Group::\\"approvers\\"")
permit (principal, action == Action::"request", resource) when { context.task == Task::"fix-orders" };
permit (principal in Group::"approvers", action == Action::"approve", resource);`;

const REASON = 'a test of the kill switch';
const press = (by: string, scope: string, name: string, confirm = name): Promise<Answer> =>
  company.call(by, 'POST', '/api/kills', { scope, name, confirm, reason: REASON });
const lift = (by: string, id: string) =>
  company.call(by, 'POST', `/api/kills/${id}/lift`, { reason: 'over' });
const look = (id: string) => company.ask('admin', 'GET', `/api/kills/${id}`, killSchema);

async function held(name: string): Promise<{ id: string; login: string }> {
  const { grant } = await company.request(name, {}, 20);
  assert.equal(grant?.state, 'active');
  return grant;
}

/** A session that waits in a statement, and when it was over. */
async function busy(
  name: string,
  grantId: string,
): Promise<{ over: Promise<number>; leave: () => Promise<void> }> {
  const { dsn } = await company.ask(name, 'POST', `/api/grants/${grantId}/credentials`, issuedCredential);
  const client = new pg.Client({ connectionString: dsn });
  client.on('error', () => undefined);
  await client.connect();
  const over = new Promise<number>((resolve) => client.once('end', () => resolve(Date.now())));
  client.query('select pg_sleep(60)').catch(() => undefined);
  return { over, leave: () => client.end() };
}

async function gone(id: string): Promise<Kill> {
  const endsAt = Date.now() + 30_000;
  for (;;) {
    const now = await look(id);
    if (now.progress !== null && now.progress.grants > 0 && now.progress.gone === now.progress.grants)
      return now;
    assert.ok(Date.now() < endsAt, JSON.stringify(now.progress));
    await delay(100);
  }
}

const loginsOnTarget = async () =>
  (
    await target.query<{ rolname: string }>(
      "select rolname from pg_roles where rolname like 'sp\\_%' and rolcanlogin",
    )
  ).rows.length;

test('who may not press it is refused, and a name that was not typed again stops nothing', async () => {
  for (const by of ['engineer', 'approver', 'auditor', 'deploy-bot', 'otto']) {
    const answer = await press(by, 'segment', 'prod/eu/orders');
    assert.equal(answer.status, 403, by);
    if (by !== 'deploy-bot') assert.equal(codeOf(answer), 'may-not-kill', by);
  }
  // Owners: what is theirs, never what is above it or a person.
  for (const [scope, name] of [
    ['segment', 'prod'],
    ['everything', 'everything'],
    ['person', 'ada'],
    ['target', 'no-such-target'],
  ] as const)
    assert.equal(codeOf(await press('olga', scope, name)), 'may-not-kill', scope);
  for (const [scope, name, code] of [
    ['person', 'nobody-at-all', 'unknown-principal'],
    ['target', 'no-such-target', 'unknown-target'],
    ['segment', 'no/such', 'unknown-segment'],
  ] as const)
    assert.equal(codeOf(await press('admin', scope, name)), code);
  const slip = await press('admin', 'target', 'orders-db', 'orders');
  assert.deepEqual([slip.status, (slip.body as { field: string }).field], [422, 'confirm']);
  const misnamed = await press('admin', 'everything', 'prod');
  assert.deepEqual([misnamed.status, (misnamed.body as { field: string }).field], [422, 'name']);
  const { items } = await company.ask('admin', 'GET', '/api/kills', pageOf(killSchema));
  assert.deepEqual(items, []);
});

test('revoking: who holds it, may approve it, approved it, owns it, administers; nobody else, and strangers see nothing', async () => {
  const revoke = (by: string, id: string) =>
    company.call(by, 'POST', `/api/grants/${id}/revoke?wait=30`, { reason: REASON });
  await company.hire('yes-sayer', 'approvers');
  const asked = await company.request('ada', { task: 'fix-orders' });
  const yes = await company.call('yes-sayer', 'POST', `/api/requests/${asked.request.id}/approve`, {});
  assert.equal(yes.status, 200, JSON.stringify(yes.body));
  const approved = submitted.parse(yes.body).grant?.id ?? '';
  // They said yes, and have left the group since.
  await company.store.query(
    `delete from memberships where principal_id = (select id from principals where name = 'yes-sayer')`,
  );
  assert.equal((await revoke('bob', approved)).status, 404);
  assert.equal((await revoke('otto', approved)).status, 404, 'owns another segment');
  assert.deepEqual([(await revoke('auditor', approved)).status], [403]);
  assert.equal((await revoke('yes-sayer', approved)).status, 200);
  for (const by of ['olga', 'approver', 'admin', 'ada']) {
    const grant = await held('ada');
    const answer = await revoke(by, grant.id);
    assert.deepEqual([answer.status, (answer.body as { endReason: string }).endReason], [200, 'revoked'], by);
  }
});

test('a person: their sessions are cut at once, requests cancelled, nothing new until it is lifted; others go on', async () => {
  const [ada, bob] = [await held('ada'), await held('bob')];
  // What acts in their name is theirs: another account, and an agent that they sponsor.
  await company.hire('ada-admin', 'engineering');
  await company.store.query(
    `update principals set same_person_as = (select id from principals where name = 'ada') where name = 'ada-admin'`,
  );
  await company.store.query(
    `update principals set sponsor_id = (select id from principals where name = 'ada-admin') where name = 'deploy-bot'`,
  );
  const [other, agent] = [await held('ada-admin'), await held('deploy-bot')];
  const [cut, goesOn] = [await busy('ada', ada.id), await busy('bob', bob.id)];
  const waiting = await company.request('ada', { task: 'fix-orders' });
  assert.equal(waiting.request.state, 'pending');
  const planned = await company.request('ada', { startsAt: new Date(Date.now() + 3_600_000).toISOString() });
  assert.equal(planned.grant?.state, 'planned');

  const pressedAt = Date.now();
  const pressed = killSchema.parse((await press('admin', 'person', 'ada')).body);
  assert.ok((await cut.over) - pressedAt < 2_000, 'the session is cut at once');
  const now = await gone(pressed.id);
  assert.deepEqual([now.progress?.grants, now.progress?.cancelled], [4, 1]);
  assert.equal(now.progress?.waiting.length, 0);
  for (const { id } of [ada, other, agent]) {
    const { rows } = await company.store.query(
      'select end_reason, ended_by, observed from grants where id = $1',
      [id],
    );
    assert.deepEqual([rows[0]?.end_reason, rows[0]?.observed], ['killed', 'absent']);
  }
  assert.equal(await loginsOnTarget(), 1, 'of the target itself: one login is left');
  assert.equal((await company.see('ada', waiting.request.id)).request.state, 'cancelled');

  for (const name of ['ada', 'ada-admin', 'deploy-bot']) {
    const body = { target: 'orders-db', task: 'read-orders', duration: '30m', reason: 'again' };
    const again = await company.call(name, 'POST', '/api/requests', body);
    assert.deepEqual([again.status, codeOf(again)], [403, 'killed'], name);
  }
  assert.equal((await company.request('bob')).request.state, 'approved', 'nobody else is stopped');

  // Twice is once; whom it concerns is told, and others are not.
  assert.equal(killSchema.parse((await press('admin', 'person', 'ada')).body).id, pressed.id);
  const mine = await company.ask('ada', 'GET', '/api/kills?state=in-force', pageOf(killSchema));
  assert.deepEqual(
    mine.items.map((kill) => [kill.name, kill.progress]),
    [['ada', null]],
  );
  assert.equal((await company.call('bob', 'GET', `/api/kills/${pressed.id}`)).status, 404);
  const { rows } = await company.store.query(
    "select count(*)::int as n from audit_entries where kind = 'kill.set'",
  );
  assert.equal(rows[0]?.n, 1);

  assert.equal((await lift('ada', pressed.id)).status, 403);
  assert.equal((await lift('admin', pressed.id)).status, 200);
  assert.equal(codeOf(await lift('admin', pressed.id)), 'kill-lifted');
  assert.equal((await company.request('ada')).request.state, 'approved');
  assert.equal(await Promise.race([goesOn.over.then(() => 'cut'), delay(50, 'open')]), 'open');
  void goesOn.leave();
  await company.call('bob', 'POST', `/api/grants/${bob.id}/done?wait=20`, {});
});

test('an owner stops a segment and what is below; no approval and no session gets past it; lifting needs the right', async () => {
  const ada = await held('ada');
  const { dsn } = await company.ask('ada', 'POST', `/api/grants/${ada.id}/credentials`, issuedCredential);
  const asked = await company.request('bob', { task: 'fix-orders' });
  const pressed = killSchema.parse((await press('olga', 'segment', 'prod/eu')).body);
  assert.notEqual(pressed.progress, null, 'who pressed it sees how far it is');
  const late = new pg.Client({ connectionString: dsn });
  late.on('error', () => undefined);
  await assert.rejects(late.connect());
  const yes = await company.call('approver', 'POST', `/api/requests/${asked.request.id}/approve`, {});
  assert.ok(['killed', 'request-cancelled'].includes(codeOf(yes) ?? ''), codeOf(yes));
  await gone(pressed.id);
  assert.equal(await loginsOnTarget(), 0);
  assert.equal((await lift('olga', pressed.id)).status, 403);
  const seen = await company.ask('bob', 'GET', '/api/kills?state=in-force', pageOf(killSchema));
  assert.deepEqual(
    seen.items.map((kill) => [kill.name, kill.reason, kill.mayLift]),
    [['prod/eu', REASON, false]],
  );
  assert.equal((await lift('admin', pressed.id)).status, 200);
});

test('everything, by one command that wants the name; pressed and killed -9, it goes on after the start', async () => {
  const many = 40;
  for (let i = 0; i < many; i += 8)
    await Promise.all(
      Array.from({ length: 8 }, (_, k) => company.request(k % 2 === 0 ? 'ada' : 'bob', {}, 30)),
    );
  const unsure = await sallyport.cli('admin', 'kill', 'everything', '--reason', REASON);
  assert.equal(unsure.code, 2, unsure.stderr);
  assert.match(unsure.stderr, /--yes-i-mean everything/);
  const slip = await sallyport.cli('admin', 'kill', 'everything', '--reason', REASON, '--yes-i-mean', 'all');
  assert.equal(slip.code, 2, slip.stderr);
  const refused = await sallyport.cli(
    'engineer',
    'kill',
    'everything',
    '--reason',
    REASON,
    '--yes-i-mean',
    'everything',
  );
  assert.equal(refused.code, 4, refused.stderr);

  const pressed = killSchema.parse((await press('admin', 'everything', 'everything')).body);
  await sallyport.crash();
  await company.close();
  await sallyport.start();
  company = await reopened(company);
  await target.end();
  target = new pg.Client({ connectionString: sallyport.adminUrl() });
  target.on('error', () => undefined);
  await target.connect();
  const shown = await sallyport.cli('admin', 'kill', 'show', pressed.id, '--wait', '--json');
  assert.equal(shown.code, 0, shown.stderr);
  const { progress } = killSchema.parse(JSON.parse(shown.stdout));
  assert.ok(progress !== null && progress.grants >= many && progress.gone === progress.grants, shown.stdout);
  assert.equal(await loginsOnTarget(), 0);
  const listed = await sallyport.cli('admin', 'kill', 'list');
  assert.match(listed.stdout, /everything/);
  const lifted = await sallyport.cli('admin', 'kill', 'lift', pressed.id, '--reason', 'the test is over');
  assert.equal(lifted.code, 0, lifted.stderr);
  const said = await sallyport.cli('auditor', 'audit', 'search', '--kind', 'kill');
  assert.match(said.stdout, /lifted the kill switch for everything/);
});

test('a target with live grants is not removed, and names them; without, it is gone and its past stays', async () => {
  const ada = await held('ada');
  const asked = await company.request('bob', { task: 'fix-orders' });
  const remove = (by: string, name = 'orders-db') =>
    company.call(by, 'POST', `/api/targets/${name}/remove`, { reason: 'switched off' });
  assert.equal((await remove('olga')).status, 403);
  const refused = await remove('admin');
  assert.deepEqual([refused.status, codeOf(refused)], [409, 'target-has-grants']);
  assert.match(
    (refused.body as { detail: string }).detail,
    new RegExp(`1 grant on orders-db is not .*${ada.id} of ada`),
  );
  await company.call('ada', 'POST', `/api/grants/${ada.id}/done?wait=30`, {});
  const done = await sallyport.cli('admin', 'target', 'remove', 'orders-db', '--reason', 'switched off');
  assert.equal(done.code, 0, done.stderr);
  assert.equal(codeOf(await remove('admin')), 'unknown-target');
  assert.equal((await company.see('bob', asked.request.id)).request.state, 'cancelled');
  const { items } = (await company.call('ada', 'GET', '/api/targets')).body as { items: { name: string }[] };
  assert.deepEqual(
    items.map((item) => item.name).filter((name) => name.startsWith('orders-db')),
    [],
  );
  // Whoever is faster: the store takes no grant on a target that is out.
  await assert.rejects(
    company.store.query(
      `insert into grants (id, request_id, principal_id, target_id, task_id, login, handle, duration_s)
       select id || 'x', request_id, principal_id, target_id, (select max(id) from tasks), login || 'x', handle, 60
       from grants where id = $1`,
      [ada.id],
    ),
    { code: 'SP404' },
  );
  const past = (await company.call('ada', 'GET', `/api/grants/${ada.id}`)).body as { target: string };
  assert.match(past.target, /^orders-db-removed-/);
  for (const name of ['orders-db', past.target]) {
    const again = await company.call('ada', 'POST', '/api/requests', {
      ...{ target: name, task: 'read-orders', duration: '5m', reason: 'x' },
    });
    assert.equal(codeOf(again), 'unknown-target', name);
  }
});

/** After a start: the store has another port, the people keep their tokens. */
async function reopened(before: Company): Promise<Company> {
  const fresh = await openCompany(sallyport);
  return { ...before, store: fresh.store, close: fresh.close };
}
