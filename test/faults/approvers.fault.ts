// What stands between an approver and Sallyport (a chat, a proxy, a script of their own) delivers a decision a hundred
// times and in any order, or is slow, or breaks off: it is one decision or none, and nobody but the person ever gives
// one.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { submitted } from '../../src/api/requests.ts';
import { logVerifies } from '../harness/convergence.ts';
import { createDice } from '../harness/dice.ts';
import { figure } from '../harness/figure.ts';
import { type LeanSallyport, startLeanSallyport } from '../harness/lean-sallyport.ts';

const DELIVERIES = 100;
/** On their way at the same time. */
const ABREAST = 20;
const PENDING_LIFETIME_S = 20;
const EXPIRY_LIMIT_MS = (PENDING_LIFETIME_S + 60) * 1000;

let sallyport: LeanSallyport;
let store: pg.Client;
before(async () => {
  sallyport = await startLeanSallyport({ env: { TEST_PENDING_LIFETIME_S: String(PENDING_LIFETIME_S) } });
  store = new pg.Client({ connectionString: sallyport.store.adminUrl });
  await store.connect();
});
after(async () => {
  await store?.end();
  await sallyport?.[Symbol.asyncDispose]();
});

async function pending(task: string): Promise<{ id: string; digest: string }> {
  const { request } = await sallyport.ask('engineer', 'POST', '/api/requests', submitted, {
    target: 'orders-db',
    task,
    duration: '10m',
    reason: 'what delivers the approval is at fault',
  });
  assert.equal(request.state, 'pending');
  return request;
}

interface Outcome {
  state: string;
  /** Distinct voices for yes and for no. */
  approvals: number;
  denials: number;
  grants: number;
  /** Entries of the log. */
  approved: number;
  denied: number;
  intended: number;
}

async function outcomeOf(id: string): Promise<Outcome> {
  const { rows } = await store.query<Outcome>(
    `select r.state,
      (select count(*)::int from approvals a where a.request_id = r.id and a.verdict = 'approve') as approvals,
      (select count(*)::int from approvals a where a.request_id = r.id and a.verdict = 'deny') as denials,
      (select count(*)::int from grants g where g.request_id = r.id) as grants,
      (select count(*)::int from audit_entries e where e.request_id = r.id and e.kind = 'request.approved') as approved,
      (select count(*)::int from audit_entries e where e.request_id = r.id and e.kind = 'request.denied') as denied,
      (select count(*)::int from audit_entries e where e.request_id = r.id and e.kind = 'grant.intended') as intended
     from requests r where r.id = $1`,
    [id],
  );
  const [row] = rows;
  assert.ok(row !== undefined);
  return row;
}

const NOTHING = { approvals: 0, denials: 0, grants: 0, approved: 0, denied: 0, intended: 0 };
const YES = { ...NOTHING, state: 'approved', approvals: 1, grants: 1, approved: 1, intended: 1 };
const NO = { ...NOTHING, state: 'denied', denials: 1, denied: 1 };

test('a yes and a no, each delivered many times and reordered, are one decision', async (t) => {
  const dice = createDice(t);
  const { id, digest } = await pending('fix-orders');
  const deliveries = dice.draw(
    Array.from({ length: DELIVERIES }, (_, at) => (at % 2 === 0 ? 'approve' : 'deny')),
    DELIVERIES,
  );
  const statuses: number[] = [];
  const lane = async () => {
    for (let verdict = deliveries.pop(); verdict !== undefined; verdict = deliveries.pop()) {
      const body = verdict === 'approve' ? { digest } : { reason: 'not today' };
      const { status } = await sallyport.call('approver', 'POST', `/api/requests/${id}/${verdict}`, body);
      statuses.push(status);
    }
  };
  await Promise.all(Array.from({ length: ABREAST }, lane));
  assert.equal(statuses.length, DELIVERIES);
  assert.equal(statuses.filter((status) => status < 300).length, 1, 'one of them decided');
  assert.deepEqual([...new Set(statuses.filter((status) => status >= 300))], [409]);
  const outcome = await outcomeOf(id);
  assert.deepEqual(outcome, outcome.state === 'approved' ? YES : NO);
  figure(t, 'delivery', `${DELIVERIES} deliveries, ${ABREAST} at a time: 1 decision (${outcome.state})`);
});

test('of two people who have to agree, one who is heard a hundred times is one', async (t) => {
  const { id, digest } = await pending('change-schema');
  const yes = () => sallyport.call('approver', 'POST', `/api/requests/${id}/approve`, { digest });
  const answers: number[] = [];
  for (let sent = 0; sent < DELIVERIES; sent += ABREAST)
    answers.push(...(await Promise.all(Array.from({ length: ABREAST }, yes))).map(({ status }) => status));
  assert.equal(answers.filter((status) => status < 300).length, 1);
  assert.deepEqual(await outcomeOf(id), { ...NOTHING, state: 'pending', approvals: 1, approved: 1 });
  figure(t, 'delivery', `${DELIVERIES} times the same voice of two: counted once, still pending`);
});

/** An approval whose last byte is sent `lastByteMs` later, or never: then the connection breaks off. */
function approveSlowly(id: string, lastByteMs: number | null): Promise<string> {
  const { hostname, port } = new URL(sallyport.server());
  const body = '{}';
  const socket = connect({ host: hostname, port: Number(port) });
  return new Promise((resolve) => {
    let answer = '';
    socket.on('data', (piece) => {
      answer += piece.toString('latin1');
      if (answer.includes('\r\n')) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer.split('\r\n')[0] ?? ''));
    socket.write(
      `POST /api/requests/${id}/approve HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: Bearer ${sallyport.token('approver')}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, -1)}`,
    );
    if (lastByteMs === null) setTimeout(() => socket.destroy(), 500);
    else setTimeout(() => socket.write(body.slice(-1)), lastByteMs);
  });
}

async function expired(id: string): Promise<void> {
  const endsAt = Date.now() + EXPIRY_LIMIT_MS;
  while ((await outcomeOf(id)).state === 'pending') {
    assert.ok(Date.now() < endsAt, 'it is still pending');
    await delay(200);
  }
  assert.deepEqual(await outcomeOf(id), { ...NOTHING, state: 'expired' });
}

test('an approver who is slow, or breaks off, has approved nothing: it stays pending, then expires', async (t) => {
  const [slow, broken] = [await pending('fix-orders'), await pending('fix-orders')];
  const late = approveSlowly(slow.id, (PENDING_LIFETIME_S + 5) * 1000);
  const answers = await Promise.all(Array.from({ length: ABREAST }, () => approveSlowly(broken.id, null)));
  assert.deepEqual([...new Set(answers)], [''], 'none of them was answered');
  for (const { id } of [slow, broken])
    assert.deepEqual(await outcomeOf(id), { ...NOTHING, state: 'pending' });
  await expired(broken.id);
  await expired(slow.id);
  assert.match(await late, /^(HTTP\/1\.1 4\d\d|$)/, 'what comes after the end is refused');
  assert.deepEqual(await outcomeOf(slow.id), { ...NOTHING, state: 'expired' });
  figure(
    t,
    'approver-service',
    `${ABREAST} broken off and one ${PENDING_LIFETIME_S + 5} s late: pending, then expired, no approval`,
  );
});

test('a service has no voice of its own, whatever it was let into', async () => {
  const { id, digest } = await pending('fix-orders');
  await store.query(
    `insert into memberships (group_id, principal_id)
     select g.id, p.id from groups g, principals p where g.name = 'approvers' and p.name = 'deploy-bot'`,
  );
  const { status } = await sallyport.call('deploy-bot', 'POST', `/api/requests/${id}/approve`, { digest });
  assert.ok(status === 403 || status === 404, String(status));
  assert.deepEqual(await outcomeOf(id), { ...NOTHING, state: 'pending' });
  await logVerifies(sallyport);
});
