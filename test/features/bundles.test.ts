// Bundles: several tasks on several targets as one request, one card and one decision; granted all or none, also over a
// crash; what is wrong with a member is named.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { grant as grantSchema } from '../../src/api/grants.ts';
import { type Submitted, submitted } from '../../src/api/requests.ts';
import { type Company, codeOf, openCompany } from '../harness/company.ts';
import { type Sallyport, startSallyport } from '../harness/sallyport.ts';

let sallyport: Sallyport;
let company: Company;
let target: pg.Client;

const POLICIES = `
permit (principal, action in [Action::"request", Action::"autoApprove", Action::"connect"], resource)
  when { context.task == Task::"read-orders" };
@approvals("1 of Group::\\"approvers\\"") @maxDuration("2h")
permit (principal, action in [Action::"request", Action::"connect"], resource) when { context.task == Task::"fix-orders" };
permit (principal in Group::"approvers", action == Action::"approve", resource);`;

before(async () => {
  sallyport = await startSallyport();
  company = await openCompany(sallyport);
  target = new pg.Client({ connectionString: sallyport.adminUrl() });
  target.on('error', () => undefined);
  await target.connect();
  await company.publish(POLICIES);
  await company.hire('ada', 'engineering');
  // A second target that nobody answers at.
  const away = await company.call('admin', 'POST', '/api/targets', {
    name: 'orders-away',
    kind: 'postgres',
    segment: 'prod/eu/orders',
    environment: 'production',
    settings: { host: '127.0.0.1', port: 1, database: 'orders', tls: 'off' },
    admin: { user: 'nobody', password: 'not-a-password' },
  });
  assert.equal(away.status, 201);
});
after(async () => {
  await target.end();
  await company.close();
  await sallyport[Symbol.asyncDispose]();
});

const member = (task: string, on = 'orders-db') => ({ target: on, task });
const body = (members: { target: string; task: string }[], more: Record<string, unknown> = {}) => ({
  members,
  duration: '30m',
  reason: 'a test of bundles',
  ...more,
});
const ask = (members: { target: string; task: string }[], more: Record<string, unknown> = {}) =>
  company.ask('ada', 'POST', '/api/bundles', submitted, body(members, more));

async function logins(): Promise<number> {
  const sql = "select count(*)::int as n from pg_roles where rolname like 'sp\\_%' and rolcanlogin";
  return (await target.query<{ n: number }>(sql)).rows[0]?.n ?? -1;
}

async function until<T>(look: () => Promise<T>, enough: (found: T) => boolean, limitMs = 30_000): Promise<T> {
  const endsAt = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (enough(found)) return found;
    assert.ok(Date.now() < endsAt, JSON.stringify(found));
    await delay(100);
  }
}

const states = ({ grants = [] }: Submitted) => grants.map((one) => one.state);

test('what is wrong is named by its field, and nothing is written', async () => {
  const post = (of: unknown) => company.call('ada', 'POST', '/api/bundles', of);
  const fieldOf = (answer: { body: unknown }) => (answer.body as { field?: string }).field;
  const two = [member('read-orders'), member('fix-orders')];
  for (const [of, status, field] of [
    [body([member('read-orders')]), 422, 'members'],
    [body(Array.from({ length: 200 }, (_, i) => member(`task-${i}`))), 422, 'members'],
    [body([...two, member('read-orders', 'no-such-db')]), 404, 'members.2.target'],
    [body([member('read-orders'), member('no-such-task')]), 404, 'members.1.task'],
    [body([...two, member('read-orders')]), 422, 'members.2'],
    [body([...two, { target: 'UPPER', task: 'read-orders' }]), 422, 'members.2.target'],
  ] as const) {
    const answer = await post(of);
    assert.deepEqual([answer.status, fieldOf(answer)], [status, field], JSON.stringify(answer.body));
  }
  const { rows } = await company.store.query('select count(*)::int as n from request_members');
  assert.equal(rows[0]?.n, 0);
});

test('one that policy denies denies all, and says which', async () => {
  const { request, grants } = await ask([member('read-orders'), member('change-schema')]);
  assert.equal(request.state, 'denied');
  assert.deepEqual(grants, []);
  assert.match(request.decision.reasons[0]?.text ?? '', /^change-schema on orders-db: /);
  // Each may be asked for that long, and not all of them together.
  const long = await ask([member('read-orders'), member('fix-orders')], { duration: '3h' });
  assert.equal(long.request.state, 'denied');
  assert.match(long.request.decision.reasons[0]?.text ?? '', /^fix-orders on orders-db: .*2 h/);
});

test('one card, one approval for all, and all become active in the same moment', async () => {
  const { request } = await ask([member('read-orders'), member('fix-orders')]);
  assert.equal(request.state, 'pending');
  assert.deepEqual(
    request.members.map((one) => [one.task, one.outcome]),
    [
      ['read-orders', 'allow'],
      ['fix-orders', 'needs-approval'],
    ],
  );
  const { status, body: answer } = await company.call(
    'approver',
    'POST',
    `/api/requests/${request.id}/approve`,
    {
      digest: request.digest,
    },
  );
  assert.equal(status, 200, JSON.stringify(answer));
  const now = await until(
    () => company.see('ada', request.id),
    (seen) => states(seen).every((state) => state === 'active'),
  );
  assert.equal(now.grants?.length, 2);
  assert.equal(new Set(now.grants?.map((one) => one.activatedAt)).size, 1);
  await delay(2_500);
  const held = await company.see('ada', request.id);
  assert.deepEqual(states(held), ['active', 'active'], 'each is still what policy would give');
  // Singly from then on.
  const [first, second] = held.grants ?? [];
  await company.call('ada', 'POST', `/api/grants/${first?.id}/done?wait=20`, {});
  assert.equal((await company.ask('ada', 'GET', `/api/grants/${second?.id}`, grantSchema)).state, 'active');
  await company.call('ada', 'POST', `/api/grants/${second?.id}/done?wait=20`, {});
});

test('an approval binds all of it: where a member means something else now, it does not count', async () => {
  const { request } = await ask([member('read-orders'), member('fix-orders')]);
  await company.store.query(
    `update tasks set entitlement = jsonb_set(entitlement, '{readOnly}', 'false') where name = 'read-orders'`,
  );
  const yes = await company.call('approver', 'POST', `/api/requests/${request.id}/approve`, {});
  assert.deepEqual([yes.status, codeOf(yes)], [409, 'request-changed']);
  await company.store.query(
    `update tasks set entitlement = jsonb_set(entitlement, '{readOnly}', 'true') where name = 'read-orders'`,
  );
  await company.call('ada', 'POST', `/api/requests/${request.id}/cancel`, {});
});

test('while one target does not answer nobody gets in, and in the end nobody has anything; a crash changes nothing', async () => {
  assert.equal(await until(logins, (n) => n === 0), 0);
  const { request } = await ask([member('read-orders'), member('read-orders', 'orders-away')]);
  assert.equal(request.state, 'approved');
  assert.equal(await until(logins, (n) => n === 1), 1, 'the one that answers has its login');
  const half = await company.see('ada', request.id);
  assert.deepEqual(states(half), ['granting', 'granting'], 'which waits for the other');
  const [made, missing] = half.grants ?? [];
  const secret = await company.call('ada', 'POST', `/api/grants/${made?.id}/credentials`, {});
  assert.deepEqual([secret.status, codeOf(secret)], [409, 'grant-granting']);

  await sallyport.crash();
  await company.close();
  await target.end();
  await sallyport.start();
  const fresh = await openCompany(sallyport);
  company = { ...company, store: fresh.store, close: fresh.close };
  target = new pg.Client({ connectionString: sallyport.adminUrl() });
  target.on('error', () => undefined);
  await target.connect();

  const undone = await until(
    () => company.see('ada', request.id),
    (seen) => states(seen).every((state) => state === 'revoking' || state === 'revoked'),
    120_000,
  );
  const reasons = new Map(undone.grants?.map((one) => [one.id, one.endReason]));
  assert.equal(reasons.get(missing?.id ?? ''), 'not-granted');
  assert.equal(reasons.get(made?.id ?? ''), 'bundle-undone');
  assert.equal(await until(logins, (n) => n === 0), 0, 'what was made is taken back');
});

test('the command line: members as words and from a file', async () => {
  const words = ['orders-db:read-orders', 'orders-db:fix-orders', '--reason', 'release', '--json'];
  const asked = await sallyport.cli('engineer', 'request', ...words);
  assert.equal(asked.code, 0, asked.stderr);
  const { request } = submitted.parse(JSON.parse(asked.stdout));
  assert.equal(request.members.length, 2);
  const file = join(sallyport.dataFolder, 'release.yaml');
  writeFileSync(
    file,
    'for: 20m\nreason: release 9\nuse: session\nmembers:\n  - {target: orders-db, task: read-orders}\n  - {target: orders-db, task: fix-orders}\n',
  );
  const fromFile = await sallyport.cli('engineer', 'request', '--bundle', file);
  assert.equal(fromFile.code, 0, fromFile.stderr);
  assert.match(fromFile.stdout, /2 tasks together for 20m/);
  writeFileSync(file, 'members:\n  - {target: orders-db, tusk: read-orders}\n');
  const broken = await sallyport.cli('engineer', 'request', '--bundle', file, '--reason', 'x');
  assert.equal(broken.code, 2);
  assert.match(broken.stderr, /members\.0/);
});
