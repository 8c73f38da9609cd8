// Who may say yes, to what, and how often: the quorum, the digest, and everything that must not count.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { submitted } from '../../src/api/requests.ts';
import { type Person, type Sallyport, startSallyport } from '../harness/sallyport.ts';

let sallyport: Sallyport;
before(async () => {
  sallyport = await startSallyport();
});
after(() => sallyport[Symbol.asyncDispose]());

const ask = (task: string, by: Person = 'engineer', duration = '30m') =>
  sallyport.ask(by, 'POST', '/api/requests', submitted, {
    target: 'orders-db',
    task,
    duration,
    reason: 'a test of approvals',
  });
const decide = (by: Person, id: string, verdict: 'approve' | 'deny' | 'cancel', body: object = {}) =>
  sallyport.call(by, 'POST', `/api/requests/${id}/${verdict}`, body);
const codeOf = (body: unknown) => (body as { code?: string }).code;

test('read-orders up to an hour is allowed at once and becomes active', async () => {
  const got = await sallyport.ask('engineer', 'POST', '/api/requests?wait=10', submitted, {
    target: 'orders-db',
    task: 'read-orders',
    duration: '1h',
    reason: 'look',
  });
  assert.equal(got.request.state, 'approved');
  assert.equal(got.request.decision.outcome, 'allow');
  assert.equal(got.grant?.state, 'active');
});

test('fix-orders waits for one approval; the clock starts with the activation', async () => {
  const { request, grant } = await ask('fix-orders');
  assert.equal(request.state, 'pending');
  assert.equal(grant, null);
  assert.deepEqual(
    request.stages.map((stage) => [stage.count, stage.given]),
    [[1, 0]],
  );
  assert.deepEqual(request.stages[0]?.candidates.map((one) => one.name).sort(), [
    'approver',
    'second-approver',
  ]);
  const approved = await decide('approver', request.id, 'approve', { digest: request.digest });
  assert.equal(approved.status, 200);
  const after = await sallyport.ask('engineer', 'GET', `/api/requests/${request.id}?wait=10`, submitted);
  assert.equal(after.grant?.state, 'active');
  const seconds =
    (Date.parse(after.grant?.expiresAt ?? '') - Date.parse(after.grant?.activatedAt ?? '')) / 1000;
  assert.equal(seconds, 1800);
});

test('an approver may shorten and never lengthen', async () => {
  const { request } = await ask('fix-orders');
  const longer = await decide('approver', request.id, 'approve', { duration: '31m' });
  assert.equal(longer.status, 422);
  const shorter = await decide('approver', request.id, 'approve', { duration: '10m' });
  assert.equal(shorter.status, 200);
  const { grant } = await sallyport.ask('engineer', 'GET', `/api/requests/${request.id}?wait=10`, submitted);
  assert.equal(grant?.durationSeconds, 600);
});

test('change-schema takes two different people', async () => {
  const { request } = await ask('change-schema');
  assert.equal((await decide('approver', request.id, 'approve')).status, 200);
  const again = await decide('approver', request.id, 'approve');
  assert.equal(again.status, 409);
  assert.equal(codeOf(again.body), 'already-decided');
  const between = await sallyport.ask('engineer', 'GET', `/api/requests/${request.id}`, submitted);
  assert.equal(between.request.state, 'pending');
  assert.equal(between.grant, null);
  assert.equal((await decide('second-approver', request.id, 'approve')).status, 200);
  const { grant } = await sallyport.ask('engineer', 'GET', `/api/requests/${request.id}?wait=10`, submitted);
  assert.equal(grant?.state, 'active');
});

test('nobody who stands behind a request, and nobody outside, can approve or deny it', async () => {
  const own = await ask('fix-orders', 'approver');
  for (const verdict of ['approve', 'deny'] as const) {
    const body = verdict === 'deny' ? { reason: 'no' } : {};
    assert.equal((await decide('approver', own.request.id, verdict, body)).status, 403, `own ${verdict}`);
  }
  const { request } = await ask('fix-orders');
  const expected: [Person, number][] = [
    ['engineer', 403],
    ['auditor', 403],
    ['admin', 403],
    ['deploy-bot', 403],
  ];
  for (const [person, status] of expected) {
    assert.equal((await decide(person, request.id, 'approve')).status, status, `${person} approves`);
    assert.equal(
      (await decide(person, request.id, 'deny', { reason: 'no' })).status,
      status,
      `${person} denies`,
    );
  }
  const unchanged = await sallyport.ask('engineer', 'GET', `/api/requests/${request.id}`, submitted);
  assert.equal(unchanged.request.state, 'pending');
  assert.equal(unchanged.request.approvals.length, 0);
});

test('an approval is bound to what was shown', async () => {
  const { request } = await ask('fix-orders');
  const wrong = await decide('approver', request.id, 'approve', { digest: '0'.repeat(64) });
  assert.equal(wrong.status, 409);
  assert.equal(codeOf(wrong.body), 'request-changed');
  assert.equal((await decide('approver', request.id, 'approve', { digest: request.digest })).status, 200);
});

test('what was asked cannot be changed under approval, whatever is sent along', async () => {
  const { request } = await ask('fix-orders');
  const changed = await decide('approver', request.id, 'approve', {
    task: 'change-schema',
    target: 'other',
    requester: 'approver',
    durationSeconds: 999_999,
  });
  assert.equal(changed.status, 200);
  const { grant, request: after } = await sallyport.ask(
    'engineer',
    'GET',
    `/api/requests/${request.id}?wait=10`,
    submitted,
  );
  assert.equal(after.task.name, 'fix-orders');
  assert.equal(grant?.task, 'fix-orders');
  assert.equal(grant?.durationSeconds, 1800);
});

test('decisions are final: approve, deny and cancel after each other are conflicts', async () => {
  const denied = await ask('fix-orders');
  assert.equal((await decide('approver', denied.request.id, 'deny', { reason: 'not today' })).status, 200);
  const refused = await sallyport.ask('engineer', 'GET', `/api/requests/${denied.request.id}`, submitted);
  assert.equal(refused.request.state, 'denied');
  assert.equal(refused.request.approvals[0]?.reason, 'not today');
  assert.equal(
    codeOf((await decide('second-approver', denied.request.id, 'approve')).body),
    'request-denied',
  );
  const cancelled = await ask('fix-orders');
  assert.equal(
    (await decide('approver', cancelled.request.id, 'cancel')).status,
    404,
    'only the requester cancels',
  );
  assert.equal((await decide('engineer', cancelled.request.id, 'cancel')).status, 200);
  assert.equal(codeOf((await decide('approver', cancelled.request.id, 'approve')).body), 'request-cancelled');
  assert.equal(codeOf((await decide('engineer', cancelled.request.id, 'cancel')).body), 'request-cancelled');
});

test('fifty approvals at once are one grant', async () => {
  const { request } = await ask('fix-orders');
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      decide(i % 2 === 0 ? 'approver' : 'second-approver', request.id, 'approve'),
    ),
  );
  assert.equal(answers.filter((answer) => answer.status === 200).length, 1);
  assert.ok(answers.every((answer) => answer.status === 200 || answer.status === 409));
  const grants = (await sallyport.call('engineer', 'GET', '/api/grants?view=mine&limit=200')).body as {
    items: { requestId: string }[];
  };
  assert.equal(grants.items.filter((grant) => grant.requestId === request.id).length, 1);
});

test('a service asks like everybody, and waits for people', async () => {
  const { request } = await ask('change-schema', 'deploy-bot');
  assert.equal(request.state, 'pending');
  assert.equal((await decide('deploy-bot', request.id, 'approve')).status, 403);
});

test('bad input names the field and creates nothing', async () => {
  const count = async () =>
    (
      (await sallyport.call('engineer', 'GET', '/api/requests?view=mine&limit=200')).body as {
        items: object[];
      }
    ).items.length;
  const before = await count();
  const good = { target: 'orders-db', task: 'read-orders', duration: '30m', reason: 'fine' };
  const cases: [Partial<Record<keyof typeof good, unknown>>, number, string][] = [
    [{ target: 'nowhere' }, 404, 'unknown-target'],
    [{ task: 'nothing' }, 404, 'unknown-task'],
    [{ duration: '0s' }, 422, 'invalid-duration'],
    [{ duration: '-5m' }, 422, 'invalid-duration'],
    [{ duration: '1y' }, 422, 'invalid-duration'],
    [{ duration: '25d' }, 422, 'invalid-duration'],
    [{ duration: '1h30m' }, 422, 'invalid-duration'],
    [{ reason: '' }, 422, 'invalid-input'],
    [{ reason: '   ' }, 422, 'invalid-input'],
    [{ reason: 'x'.repeat(2001) }, 422, 'invalid-input'],
    [{ reason: 'line\r\nbreak' }, 422, 'invalid-input'],
    [{ reason: '\u001b[31mred' }, 422, 'invalid-input'],
    [{ reason: 'right\u202eleft' }, 422, 'invalid-input'],
    [{ reason: 7 }, 422, 'invalid-input'],
    [{ target: "orders-db'; drop table grants; --" }, 422, 'invalid-input'],
  ];
  for (const [change, status, code] of cases) {
    const answer = await sallyport.call('engineer', 'POST', '/api/requests', { ...good, ...change });
    assert.equal(answer.status, status, JSON.stringify(change));
    assert.equal(codeOf(answer.body), code, JSON.stringify(change));
  }
  assert.equal(await count(), before);
});

test('a request that is longer than policy allows is denied with the longest that would pass', async () => {
  const { request } = await ask('fix-orders', 'engineer', '5h');
  assert.equal(request.state, 'denied');
  assert.match(request.decision.reasons.map((reason) => reason.text).join(' '), /4 h/);
});

test('a reason of 2,000 characters passes whole', async () => {
  const reason = 'ä'.repeat(2000);
  const got = await sallyport.ask('engineer', 'POST', '/api/requests', submitted, {
    target: 'orders-db',
    task: 'fix-orders',
    duration: '5m',
    reason,
  });
  assert.equal(got.request.reason, reason);
});

test('what an approver did not make and may not see does not exist for others', async () => {
  const { request } = await ask('fix-orders');
  assert.equal((await sallyport.call('deploy-bot', 'GET', `/api/requests/${request.id}`)).status, 404);
  assert.equal((await sallyport.call('auditor', 'GET', `/api/requests/${request.id}`)).status, 200);
});

test('a changed task starts the request again: its approvals would be for something else', async () => {
  const { request } = await ask('fix-orders');
  const store = new pg.Client({ connectionString: sallyport.storeUrl() });
  await store.connect();
  try {
    await store.query(
      `update tasks set entitlement = jsonb_set(entitlement, '{statementTimeoutSeconds}', '301') where name = 'fix-orders'`,
    );
    const answer = await decide('approver', request.id, 'approve', { digest: request.digest });
    assert.equal(answer.status, 409);
    assert.equal(codeOf(answer.body), 'request-changed');
  } finally {
    await store.end();
  }
});

test('everybody sees their own grants only, whatever the filter; who administers or audits sees all', async () => {
  const list = async (person: Person, query: string) =>
    (
      (await sallyport.call(person, 'GET', `/api/grants?limit=200&${query}`)).body as {
        items: { principal: { name: string } }[];
      }
    ).items;
  const states = [
    'live',
    'active',
    'granting',
    'revoking',
    'cleanup-pending',
    'revoked',
    'overdue',
    'planned',
  ];
  for (const query of [
    '',
    'view=mine',
    ...states.flatMap((state) => [`state=${state}`, `view=mine&state=${state}`]),
  ]) {
    for (const person of ['engineer', 'approver', 'second-approver', 'deploy-bot'] as const) {
      const others = (await list(person, query)).filter((one) => one.principal.name !== person);
      assert.deepEqual(others, [], `${person} with ${query}`);
    }
  }
  assert.ok((await list('engineer', 'state=live')).length > 0, 'there is something to see');
  assert.ok((await list('auditor', 'state=live')).length > 0);
  assert.deepEqual(await list('admin', 'view=mine'), []);
});

test('of requests that are made at once, no more than a hundred wait', async () => {
  const body = { target: 'orders-db', task: 'fix-orders', duration: '30m', reason: 'many at once' };
  const answers = await Promise.all(
    Array.from({ length: 130 }, () => sallyport.call('engineer', 'POST', '/api/requests', body)),
  );
  const refused = answers.filter(({ status }) => status >= 300);
  assert.deepEqual([...new Set(refused.map(({ body: said }) => codeOf(said)))], ['too-many-pending']);
  const waiting = await sallyport.call('engineer', 'GET', '/api/requests?view=mine&state=pending&limit=200');
  assert.equal((waiting.body as { items: unknown[] }).items.length, 100);
});
