// Break-glass while Sallyport runs: at once, told to everybody whom it went past, on every page, reviewed by somebody
// else, chased until it is; and its drills.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import { brokenGlassAnswer, brokenGlassList, drillList, review } from '../../src/api/break-glass.ts';
import { grant as grantSchema, issuedCredential } from '../../src/api/grants.ts';
import { noticePage } from '../../src/api/notices.ts';
import { sessionDetail } from '../../src/api/sessions.ts';
import { pageOf } from '../../src/api/text.ts';
import {
  type Person,
  policiesInForce,
  publishPolicies,
  type Sallyport,
  startSallyport,
} from '../harness/sallyport.ts';

const BODY = {
  target: 'orders-db',
  task: 'fix-orders',
  reason: 'customers are charged twice',
  confirm: 'orders-db',
};

let sallyport: Sallyport;
let store: pg.Client;

before(async () => {
  sallyport = await startSallyport();
  store = new pg.Client({ connectionString: sallyport.storeUrl() });
  await store.connect();
});
after(async () => {
  await store.end();
  await sallyport[Symbol.asyncDispose]();
});

const problem = z.object({ code: z.string(), detail: z.string(), hint: z.string().optional() });

async function refused(
  person: Person,
  path: string,
  body: unknown,
  status: number,
  code: string,
): Promise<string> {
  const answer = await sallyport.call(person, 'POST', path, body);
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  const told = problem.parse(answer.body);
  assert.equal(told.code, code);
  return `${told.detail} ${told.hint ?? ''}`;
}

const entries = async (kind: string): Promise<Record<string, unknown>[]> =>
  (await store.query(`select leaf from audit_entries where kind = $1 order by seq`, [kind])).rows.map(
    (row) => (JSON.parse(row.leaf) as { detail: Record<string, unknown> }).detail,
  );

const noticesOf = async (person: Person) =>
  sallyport.ask(person, 'GET', '/api/notices?unread=true&limit=200', noticePage);

async function until<T>(what: string, look: () => Promise<T | null | undefined | false>): Promise<T> {
  const endsAt = Date.now() + 30_000;
  while (Date.now() < endsAt) {
    const found = await look();
    if (found) return found;
    await delay(100);
  }
  throw new Error(`It did not come to this in 30 s: ${what}`);
}

let taken: z.infer<typeof brokenGlassAnswer>;

test('nobody breaks glass by accident: the name is typed, and a script says it', async () => {
  const asks = ['break-glass', 'orders-db', '--task', 'fix-orders', '--reason', 'x'];
  const silent = await sallyport.cli('engineer', ...asks, '--no-input');
  assert.equal(silent.code, 2);
  assert.match(silent.stderr, /--confirm orders-db/);
  const wrong = await sallyport.cli('engineer', ...asks, '--confirm', 'orders');
  assert.equal(wrong.code, 2);
  await refused('engineer', '/api/break-glass', { ...BODY, confirm: 'orders' }, 422, 'confirmation-wrong');
  assert.equal(
    (await sallyport.call('engineer', 'POST', '/api/break-glass', { ...BODY, confirm: undefined })).status,
    422,
  );
  assert.equal((await entries('break-glass.used')).length, 0);
});

test('policy says who may, what and for how long; a no is in the log', async () => {
  await refused(
    'engineer',
    '/api/break-glass',
    { ...BODY, task: 'change-schema' },
    403,
    'break-glass-denied',
  );
  await refused('auditor', '/api/break-glass', BODY, 403, 'break-glass-denied');
  const long = await refused(
    'engineer',
    '/api/break-glass',
    { ...BODY, duration: '2h' },
    403,
    'break-glass-denied',
  );
  assert.match(long, /1h or less/);
  await refused('engineer', '/api/break-glass', { ...BODY, duration: '5h' }, 422, 'invalid-duration');
  await refused('deploy-bot', '/api/break-glass', BODY, 403, 'may-not');
  await refused('engineer', '/api/break-glass', { ...BODY, drill: true }, 409, 'no-such-drill');
  const told = await entries('break-glass.refused');
  assert.deepEqual(
    told.map((one) => one.task),
    ['change-schema', 'fix-orders', 'fix-orders'],
  );
});

test('at once, without an approval, for half an hour; whoever was passed over is told, the user is not', async () => {
  const asked = await sallyport.cli(
    'engineer',
    'break-glass',
    'orders-db',
    '--task',
    'fix-orders',
    '--reason',
    BODY.reason,
    '--confirm',
    'orders-db',
    '--json',
  );
  assert.equal(asked.code, 0, asked.stderr);
  taken = brokenGlassAnswer.parse(JSON.parse(asked.stdout));
  assert.equal(taken.grant.state, 'active');
  assert.equal(taken.grant.durationSeconds, 1800);
  assert.equal(taken.grant.breakGlass, 'real');
  const names = taken.review.told.map((one) => one.name).sort();
  assert.deepEqual(names, ['admin', 'approver', 'auditor', 'second-approver']);
  for (const person of ['admin', 'approver', 'auditor', 'second-approver'] as const) {
    const { items } = await noticesOf(person);
    assert.match(
      items[0]?.text ?? '',
      /Erin Engineer \(engineer\) broke glass: fix-orders on orders-db for 30 min/,
    );
    assert.equal(items[0]?.loud, true);
  }
  assert.equal((await noticesOf('engineer')).items.length, 0);
  const [entry] = await entries('break-glass.used');
  assert.equal(entry?.reason, BODY.reason);
  assert.equal((await entries('review.opened')).length, 1);
});

test('notices are marked as read by whom they are for', async () => {
  const before = await noticesOf('approver');
  assert.ok(before.unread > 0);
  const mine = before.items.map((one) => one.id);
  assert.equal((await sallyport.call('engineer', 'POST', '/api/notices/read', { ids: mine })).status, 200);
  assert.equal((await noticesOf('approver')).unread, before.unread, 'somebody else marks nothing');
  const shown = await sallyport.cli('approver', 'notices', '--unread', '--read');
  assert.match(shown.stdout, /broke glass/);
  assert.equal((await noticesOf('approver')).unread, 0);
});

test('everybody sees it, on every page and over their grants', async () => {
  const seen = await sallyport.ask('deploy-bot', 'GET', '/api/break-glass', brokenGlassList);
  assert.deepEqual(
    seen.items.map((one) => [one.usedBy, one.target, one.drill]),
    [[['engineer'], 'orders-db', false]],
  );
  assert.ok(!JSON.stringify(seen).includes(BODY.reason), 'why is for the review');
  const listed = await sallyport.cli('auditor', 'grants');
  assert.match(listed.stderr, /!! engineer broke the glass: fix-orders on orders-db/);
  assert.match(listed.stdout, /fix-orders \(BREAK-GLASS\)/);
});

test('it is used like any grant; it is not extended', async () => {
  const { dsn } = await sallyport.ask(
    'engineer',
    'POST',
    `/api/grants/${taken.grant.id}/credentials`,
    issuedCredential,
  );
  const client = new pg.Client({ connectionString: dsn });
  await client.connect();
  await client.query(`update orders set note = 'by break-glass' where id = 7`);
  await assert.rejects(client.query('delete from orders where id = 7'));
  await client.end();
  await refused(
    'engineer',
    `/api/grants/${taken.grant.id}/extend`,
    { duration: '5m', reason: 'x' },
    409,
    'break-glass-not-extended',
  );
});

test('its user reviews it on no way, somebody who was told does, with the statements at hand, once', async () => {
  const path = `/api/reviews/${taken.review.id}`;
  const own = await sallyport.ask('engineer', 'GET', path, review);
  assert.equal(own.mayDecide, false);
  const verdict = { verdict: 'justified', comment: 'the statements agree with INC-1042' };
  await refused('engineer', `${path}/verdict`, verdict, 403, 'may-not-review');
  await refused('approver', `${path}/verdict`, { ...verdict, verdict: 'fine' }, 422, 'invalid-input');
  await refused('approver', `${path}/verdict`, { ...verdict, comment: ' ' }, 422, 'invalid-input');
  assert.equal((await sallyport.call('deploy-bot', 'GET', path)).status, 403);
  const found = await until('the session is over', async () => {
    const one = await sallyport.ask('approver', 'GET', path, review);
    return one.sessions.some((session) => session.endedAt !== null) && one;
  });
  const [session] = found.sessions;
  const read = await sallyport.ask('approver', 'GET', `/api/sessions/${session?.id}`, sessionDetail);
  assert.ok(JSON.stringify(read).includes('by break-glass'));
  const decided = await sallyport.cli(
    'approver',
    'reviews',
    'decide',
    taken.review.id,
    '--verdict',
    'follow-up',
    '--comment',
    'add an index',
    '--json',
  );
  assert.equal(decided.code, 0, decided.stderr);
  await refused('auditor', `${path}/verdict`, verdict, 409, 'review-decided');
  assert.match((await noticesOf('engineer')).items[0]?.text ?? '', /needs a follow-up. “add an index”/);
  assert.equal((await noticesOf('auditor')).items.length, 0, 'what is decided asks nobody any more');
  assert.equal((await entries('review.decided')).length, 1);
});

test('who has another account of the user, or stands behind them, does not review', async () => {
  const [{ id: userId }] = (await store.query(`select id from principals where name = 'engineer'`)).rows;
  const again = await sallyport.ask('engineer', 'POST', '/api/break-glass?wait=20', brokenGlassAnswer, BODY);
  await store.query(`update principals set same_person_as = $1 where name = 'second-approver'`, [userId]);
  await store.query(
    `update principals set sponsor_id = (select id from principals where name = 'auditor') where id = $1`,
    [userId],
  );
  const verdict = { verdict: 'justified', comment: 'looks fine to me' };
  for (const person of ['second-approver', 'auditor'] as const)
    await refused(person, `/api/reviews/${again.review.id}/verdict`, verdict, 403, 'may-not-review');
  await store.query(`update principals set same_person_as = null, sponsor_id = null`);
  // Nor who came in by what the user handed out.
  await store.query(
    `update tokens set handed_by = array[$1] where principal_id = (select id from principals where name = 'admin')`,
    [userId],
  );
  await refused('admin', `/api/reviews/${again.review.id}/verdict`, verdict, 403, 'may-not-review');
  assert.equal(
    (await sallyport.ask('admin', 'GET', `/api/reviews/${again.review.id}`, review)).mayDecide,
    false,
  );
  await store.query(`update tokens set handed_by = '{}'`);
  // Nor who handed out what the user came in by.
  await store.query(
    `update tokens set handed_by = array[(select id from principals where name = 'auditor')] where principal_id = $1`,
    [userId],
  );
  const handed = await sallyport.ask('engineer', 'POST', '/api/break-glass?wait=20', brokenGlassAnswer, BODY);
  await store.query(`update tokens set handed_by = '{}'`);
  await refused('auditor', `/api/reviews/${handed.review.id}/verdict`, verdict, 403, 'may-not-review');
  await sallyport.ask('admin', 'POST', `/api/reviews/${handed.review.id}/verdict`, review, verdict);

  // Nobody decides: it is asked for again, and once it is overdue it is said everywhere.
  await store.query(
    `update reviews set due_at = now() - interval '1 minute', chased_at = now() - interval '1 hour' where id = $1`,
    [again.review.id],
  );
  const overdue = await until('the overdue notice', async () =>
    (await noticesOf('admin')).items.find((one) => one.kind === 'review'),
  );
  assert.match(overdue.text, /^OVERDUE: the break-glass of fix-orders on orders-db has not been reviewed/);
  assert.equal((await entries('review.overdue')).length, 1);
  assert.equal((await sallyport.ask('admin', 'GET', '/api/break-glass', brokenGlassList)).reviewsOverdue, 1);
  const metrics = await sallyport.call('auditor', 'GET', '/metrics');
  assert.match(String(metrics.body), /sallyport_reviews_overdue 1\n/);
  const listed = await sallyport.cli('auditor', 'reviews', 'list', '--state', 'overdue');
  assert.match(listed.stdout, /OVERDUE/);
  await sallyport.ask('admin', 'POST', `/api/reviews/${again.review.id}/verdict`, review, verdict);
});

test('a drill is ordered, done as the real thing, scored; nobody else may schedule one', async () => {
  const body = { person: 'engineer', target: 'orders-db', task: 'fix-orders', everyDays: 90 };
  assert.equal((await sallyport.call('approver', 'POST', '/api/drills', body)).status, 403);
  assert.equal((await sallyport.call('admin', 'POST', '/api/drills', { person: 'engineer' })).status, 422);
  const made = await sallyport.cli(
    'admin',
    'break-glass',
    'drill',
    'schedule',
    '--person',
    'engineer',
    '--target',
    'orders-db',
    '--task',
    'fix-orders',
    '--every',
    '90d',
    '--json',
  );
  assert.equal(made.code, 0, made.stderr);
  const order = await until('the order', async () =>
    (await noticesOf('engineer')).items.find((one) => one.kind === 'drill'),
  );
  assert.match(order.text, /^DRILL, now: break glass on orders-db/);
  const done = await sallyport.ask('engineer', 'POST', '/api/break-glass?wait=20', brokenGlassAnswer, {
    ...BODY,
    drill: true,
    reason: 'drill',
  });
  assert.equal(done.grant.breakGlass, 'drill');
  assert.equal(done.review.drill, true);
  await refused('engineer', '/api/break-glass', { ...BODY, drill: true }, 409, 'no-such-drill');
  const { dsn } = await sallyport.ask(
    'engineer',
    'POST',
    `/api/grants/${done.grant.id}/credentials`,
    issuedCredential,
  );
  const client = new pg.Client({ connectionString: dsn });
  await client.connect();
  await client.end();
  await sallyport.ask('approver', 'POST', `/api/reviews/${done.review.id}/verdict`, review, {
    verdict: 'justified',
    comment: 'a drill',
  });
  await sallyport.ask('engineer', 'POST', `/api/grants/${done.grant.id}/done`, grantSchema);
  const { items } = await until('the score', async () => {
    const list = await sallyport.ask('admin', 'GET', '/api/drills', drillList);
    return list.items.some((one) => one.state === 'done') && list;
  });
  const scored = items.find((one) => one.state === 'done');
  assert.ok((scored?.score.secondsToConnect ?? -1) > 0);
  assert.equal(scored?.score.reviewInTime, true);
  assert.ok(
    items.some((one) => one.state === 'scheduled'),
    'the next one is scheduled',
  );
});

test('a policy that lets no glass be broken any more ends what is held', async () => {
  const held = await sallyport.ask('engineer', 'POST', '/api/break-glass?wait=20', brokenGlassAnswer, BODY);
  assert.equal(held.grant.state, 'active');
  const files = await policiesInForce(sallyport);
  const orders = files['orders.cedar'] ?? '';
  await publishPolicies(sallyport, {
    ...files,
    'orders.cedar': orders.slice(0, orders.indexOf('@id("break-glass")')),
  });
  const over = await until('its end', async () => {
    const one = await sallyport.ask('admin', 'GET', `/api/grants/${held.grant.id}`, grantSchema);
    return one.endReason !== null && one;
  });
  assert.equal(over.endReason, 'policy-changed');
  const all = await sallyport.ask('auditor', 'GET', '/api/reviews?state=open', pageOf(review));
  assert.ok(
    all.items.some((one) => one.id === held.review.id),
    'the review stays open',
  );
});
