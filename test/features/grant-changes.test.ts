// What changes a grant while it lives: more time in place, at once or by approval and never past the maximum; grants for
// one session or bound to their sessions; a clock that starts at the first connection; the grace at the deadline. Also
// what must not happen: twice, too late, of another's.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Grant, grant as grantSchema, issuedCredential } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { type Company, codeOf, openCompany } from '../harness/company.ts';
import { type Sallyport, startSallyport } from '../harness/sallyport.ts';

let sallyport: Sallyport;
let company: Company;
let target: pg.Client;
before(async () => {
  sallyport = await startSallyport();
  company = await openCompany(sallyport);
  target = new pg.Client({ connectionString: sallyport.adminUrl() });
  await target.connect();
  await company.hire('ada', 'engineering');
  await company.hire('bob', 'engineering');
});
after(async () => {
  await target.end();
  await company.close();
  await sallyport[Symbol.asyncDispose]();
});

const ACCESS = 'action in [Action::"request", Action::"autoApprove", Action::"connect"]';
const atOnce = (notes = '') =>
  `${notes} permit (principal, ${ACCESS}, resource);
   permit (principal in Group::"approvers", action == Action::"approve", resource);`;

async function held(more: Record<string, unknown> = {}, name = 'ada'): Promise<Grant> {
  const { grant } = await company.request(name, more, 30);
  assert.equal(grant?.state, 'active');
  return grant;
}

const extend = (id: string, duration: string, by = 'ada') =>
  company.call(by, 'POST', `/api/grants/${id}/extend`, { duration, reason: 'it takes longer' });
const see = (id: string) => company.ask('admin', 'GET', `/api/grants/${id}`, grantSchema);
const secondsOf = ({ activatedAt, expiresAt }: Grant) =>
  (Date.parse(expiresAt ?? '') - Date.parse(activatedAt ?? '')) / 1000;

/** Of the target itself: how many seconds its own expiry is later than ours. */
async function slackOf(grant: Grant): Promise<number> {
  const { rows } = await target.query<{ at: Date }>(
    'select rolvaliduntil as at from pg_roles where rolname = $1',
    [grant.login],
  );
  return ((rows[0]?.at.getTime() ?? 0) - Date.parse(grant.expiresAt ?? '')) / 1000;
}

async function until<T>(look: () => Promise<T>, enough: (found: T) => boolean, limitMs = 20_000): Promise<T> {
  const endsAt = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (enough(found)) return found;
    assert.ok(Date.now() < endsAt, JSON.stringify(found));
    await delay(100);
  }
}

const over = (id: string) =>
  until(
    () => see(id),
    ({ state }) => state === 'revoked' || state === 'cleanup-pending',
  );

async function dsnOf(id: string, by = 'ada'): Promise<string> {
  return (await company.ask(by, 'POST', `/api/grants/${id}/credentials`, issuedCredential)).dsn;
}

async function connected(dsn: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: dsn });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

test('twenty extensions at once never add up to more than the maximum; the session and the login go on', async () => {
  await company.publish(atOnce('@maxDuration("1h")'));
  const grant = await held({ duration: '20m' });
  const client = await connected(await dsnOf(grant.id));
  const answers = await Promise.all(Array.from({ length: 20 }, () => extend(grant.id, '10m')));
  for (const answer of answers)
    assert.ok(
      answer.status === 200 || ['extension-denied', 'grant-changed'].includes(codeOf(answer) ?? ''),
      JSON.stringify(answer.body),
    );
  for (let more = await extend(grant.id, '7m'); more.status !== 403; more = await extend(grant.id, '7m'))
    assert.equal(more.status, 200, JSON.stringify(more.body));
  const now = await see(grant.id);
  assert.ok(now.durationSeconds <= 3_600 && now.durationSeconds > 3_180, `${now.durationSeconds}`);
  assert.ok(
    Math.abs(secondsOf(now) - now.durationSeconds) < 0.1,
    'the end is the beginning and the whole length',
  );
  assert.ok(Math.abs((await slackOf(now)) - 300) < 60, 'the expiry on the target went along');
  assert.equal((await client.query('select 1 as one')).rows[0].one, 1);
  await client.end();

  const past = await extend(grant.id, '1h');
  assert.deepEqual([past.status, codeOf(past)], [403, 'extension-denied']);
  assert.match((past.body as { hint: string }).hint, /The longest in all is 1h/);
  assert.deepEqual([(await extend(grant.id, '5m', 'bob')).status], [404], 'of another’s: it does not exist');
  await company.call('ada', 'POST', `/api/grants/${grant.id}/done?wait=20`, {});
  const late = await extend(grant.id, '1m');
  assert.deepEqual([late.status, codeOf(late)], [409, 'grant-revoked']);
});

test('where policy wants it, more time is a request of its own; the last yes lengthens the grant in place', async () => {
  await company.publish(
    `${atOnce()} @approvals("1 of Group::\\"approvers\\"") @maxDuration("2h") permit (principal, action == Action::"extend", resource);`,
  );
  const grant = await held({ duration: '30m' });
  const client = await connected(await dsnOf(grant.id));
  const asked = grantSchema.parse((await extend(grant.id, '30m')).body);
  assert.deepEqual([asked.durationSeconds, asked.extension?.durationSeconds], [1_800, 3_600]);
  const requestId = asked.extension?.requestId ?? '';
  assert.equal(codeOf(await extend(grant.id, '10m')), 'extension-pending');
  const card = (await company.see('approver', requestId)).request;
  assert.deepEqual([card.extends, card.durationSeconds], [{ grantId: grant.id, hasSeconds: 1_800 }, 3_600]);
  assert.equal((await company.call('bob', 'POST', `/api/requests/${requestId}/approve`, {})).status, 404);
  const shorter = await company.call('approver', 'POST', `/api/requests/${requestId}/approve`, {
    duration: '30m',
  });
  assert.equal(codeOf(shorter), 'already-longer');
  const yes = await company.call('approver', 'POST', `/api/requests/${requestId}/approve`, {
    digest: card.digest,
  });
  assert.equal(yes.status, 200, JSON.stringify(yes.body));
  assert.equal(submitted.parse(yes.body).grant?.id, grant.id);
  const now = await see(grant.id);
  assert.deepEqual([now.durationSeconds, now.extension], [3_600, null]);
  assert.ok(Math.abs(secondsOf(now) - 3_600) < 0.1);
  await until(
    () => slackOf(now),
    (slack) => Math.abs(slack - 300) < 60,
  );
  assert.equal((await client.query('select 1 as one')).rows[0].one, 1, 'the session stays');
  await delay(2_500);
  assert.equal((await see(grant.id)).state, 'active', 'and it is still what policy would give');
  await client.end();
  // Past the maximum of `extend` nobody is asked; with the grant the question is over.
  assert.equal(codeOf(await extend(grant.id, '61m')), 'extension-denied');
  const pending = grantSchema.parse((await extend(grant.id, '10m')).body).extension?.requestId ?? '';
  await company.call('ada', 'POST', `/api/grants/${grant.id}/done?wait=20`, {});
  await until(
    () => company.see('ada', pending),
    ({ request }) => request.state === 'expired',
  );
});

test('for one session: a second is refused, also beside the first, and the grant ends with it', async () => {
  await company.publish(atOnce('@use("once")'));
  const grant = await held();
  assert.equal(grant.use, 'once');
  const dsn = await dsnOf(grant.id);
  const tries = await Promise.allSettled(Array.from({ length: 5 }, () => connected(dsn)));
  const [first, ...more] = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  assert.ok(first !== undefined && more.length === 0, 'exactly one of five at once is let in');
  await first.query('select 1');
  await first.end();
  const ended = await over(grant.id);
  assert.equal(ended.endReason, 'used');
  await assert.rejects(connected(dsn));
});

test('the requester may ask for less: bound to the session; nobody’s wish makes more of it', async () => {
  await company.publish(atOnce('@use("session")'));
  const grant = await held();
  const dsn = await dsnOf(grant.id);
  const [one, other] = [await connected(dsn), await connected(dsn)];
  await one.end();
  await delay(2_500);
  assert.equal((await see(grant.id)).state, 'active', 'one of two is still open');
  await other.end();
  assert.equal((await over(grant.id)).endReason, 'used');
  await company.publish(atOnce());
  const args = [
    'request',
    'orders-db',
    '--task',
    'read-orders',
    '--reason',
    'once',
    '--once',
    '--wait',
    '--json',
  ];
  const asked = await sallyport.cli('engineer', ...args);
  assert.equal(asked.code, 0, asked.stderr);
  const wished = submitted.parse(JSON.parse(asked.stdout));
  assert.deepEqual([wished.request.use, wished.grant?.use], ['once', 'once']);
  const wrong = await company.call('ada', 'POST', '/api/requests', {
    ...{ target: 'orders-db', task: 'read-orders', duration: '5m', reason: 'x' },
    use: 'forever',
  });
  assert.deepEqual([wrong.status, (wrong.body as { field: string }).field], [422, 'use']);
});

test('the clock starts at the first connection, once; a claim that comes late finds nothing', async () => {
  await company.publish(atOnce('@clock("first-connection within 8s")'));
  const grant = await held({ duration: '30m' });
  assert.equal(grant.claimBy, grant.expiresAt);
  assert.ok(secondsOf(grant) <= 8, 'until it is claimed it lives as long as the claim may take');
  assert.ok((await slackOf(grant)) >= 1_800, 'the target leaves room for a late claim');
  assert.equal(codeOf(await extend(grant.id, '5m')), 'grant-unclaimed');
  const dsn = await dsnOf(grant.id);
  await (await connected(dsn)).end();
  const claimed = await see(grant.id);
  assert.equal(claimed.claimBy, null);
  const endsAt = claimed.expiresAt;
  await delay(1_200);
  await (await connected(dsn)).end();
  assert.equal((await see(grant.id)).expiresAt, endsAt, 'connecting again starts nothing again');
  const late = await held({ duration: '30m' });
  const lateDsn = await dsnOf(late.id);
  const ended = await over(late.id);
  assert.equal(ended.endReason, 'not-claimed');
  await assert.rejects(connected(lateDsn));
});

test('the grace at the deadline: what runs is committed, then it is gone from the target', async () => {
  await company.publish(atOnce('@softLanding("20s")'));
  const grant = await held({ duration: '4s' });
  assert.equal(grant.landingSeconds, 20);
  const client = await connected(await dsnOf(grant.id));
  const endsAt = Date.parse(grant.expiresAt ?? '');
  const answer = await client.query('select pg_sleep(6), 1 as one');
  assert.equal(answer.rows[0].one, 1);
  assert.ok(Date.now() > endsAt, 'it ran past the deadline');
  await assert.rejects(connected(await dsnOf(grant.id).catch(() => 'postgres://nobody@127.0.0.1:1/x')));
  const ended = await over(grant.id);
  assert.equal(ended.endReason, 'expired');
  assert.ok(Date.parse(ended.endedAt ?? '') - endsAt < 15_000, 'with the session, not with the whole grace');
});

test('done and revoke, each twice and both at once, are one effect and one entry', async () => {
  await company.publish(atOnce());
  const grant = await held();
  const act = (by: string, what: string) =>
    company.call(by, 'POST', `/api/grants/${grant.id}/${what}?wait=20`, { reason: 'twice' });
  const all = await Promise.all([
    ...[act('ada', 'done'), act('ada', 'done')],
    ...[act('admin', 'revoke'), act('approver', 'revoke')],
  ]);
  for (const { status, body } of all) assert.equal(status, 200, JSON.stringify(body));
  const { rows } = await company.store.query(
    `select count(*)::int as n from audit_entries where grant_id = $1 and kind = 'grant.ending'`,
    [grant.id],
  );
  assert.equal(rows[0]?.n, 1);
});
