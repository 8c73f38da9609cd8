// Asking, waiting and ending, as scripts see it: what is on stdout, what is on stderr, how it exits.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  aGrant,
  aRequest,
  checked,
  createSally,
  type FixtureServer,
  GRANT_ID,
  problemAnswer,
  REQUEST_ID,
  type Sally,
  startFixtureServer,
  TOKEN,
} from '../../test/harness/cli.ts';
import { grant as grantSchema } from '../api/grants.ts';
import { preview, type Submitted, submitted } from '../api/requests.ts';

let server: FixtureServer;
let sally: Sally;
const ASK = ['request', 'orders-db', '--task', 'fix-orders', '--reason', 'refund order 1042'];

before(async () => {
  server = await startFixtureServer();
  sally = createSally({ SALLY_SERVER: server.url, SALLY_TOKEN: TOKEN });
});
after(async () => {
  sally.remove();
  await server.close();
});

function answerRequest(first: Submitted, later: Submitted = first): void {
  server.on('POST /api/requests', () => ({ status: 201, ...checked(submitted, first) }));
  server.on('GET /api/requests/:id', () => checked(submitted, later));
  server.on('POST /api/requests/preview', () =>
    checked(preview, {
      decision: aRequest().decision,
      longestSeconds: 1800,
      enough: ['a ticket'],
      limits: [],
    }),
  );
}

test('a pending request without --wait is done: JSON on stdout and nothing else', async () => {
  answerRequest({ request: aRequest(), grant: null });
  const ended = await sally.run([...ASK, '--for', '30m', '--ticket', 'OPS-7', '--json']);
  assert.equal(ended.code, 0);
  assert.equal(ended.stderr, '');
  const told = submitted.parse(JSON.parse(ended.stdout));
  assert.equal(told.request.state, 'pending');
  assert.equal(told.request.decision.outcome, 'needs-approval');
  assert.equal(told.grant, null);
  const sent = server.calls.findLast((call) => call.path === '/api/requests');
  assert.deepEqual(sent?.body, {
    target: 'orders-db',
    task: 'fix-orders',
    duration: '30m',
    reason: 'refund order 1042',
    ticket: 'OPS-7',
  });
  assert.equal(sent?.token, TOKEN);
});

test('--wait returns once the grant is active', async () => {
  let polls = 0;
  answerRequest({ request: aRequest(), grant: null });
  server.on('GET /api/requests/:id', (call) => {
    polls += 1;
    assert.equal(call.query.get('wait'), '25');
    if (polls === 1) return checked(submitted, { request: aRequest(), grant: null });
    const state = polls === 2 ? 'granting' : 'active';
    return checked(submitted, { request: aRequest({ state: 'approved' }), grant: aGrant({ state }) });
  });
  const ended = await sally.run([...ASK, '--wait', '--json']);
  assert.equal(ended.code, 0);
  assert.equal(polls, 3);
  const told = submitted.parse(JSON.parse(ended.stdout));
  assert.equal(told.grant?.state, 'active');
  assert.equal(told.grant?.requestId, REQUEST_ID);
});

test('the wait line says who can approve and who has looked', async () => {
  answerRequest(
    { request: aRequest(), grant: null },
    { request: aRequest({ state: 'denied' }), grant: null },
  );
  const ended = await sally.run([...ASK, '--wait']);
  assert.match(ended.stderr, /can approve: approver/);
  assert.match(ended.stderr, /looked: approver/);
  assert.equal(ended.code, 4);
});

for (const [state, code] of [
  ['denied', 4],
  ['cancelled', 4],
  ['expired', 6],
] as const) {
  test(`a request that ends ${state} exits ${code}, with the request on stdout`, async () => {
    answerRequest({ request: aRequest(), grant: null }, { request: aRequest({ state }), grant: null });
    const ended = await sally.run([...ASK, '--wait', '--json']);
    assert.equal(ended.code, code);
    assert.equal(JSON.parse(ended.stdout).request.state, state);
  });
}

test('a denial by policy exits 4 also without --wait, and offers what would be enough', async () => {
  const decision = {
    ...aRequest().decision,
    outcome: 'deny' as const,
    reasons: [{ policy: '', effect: 'none' as const, text: 'No policy allows 1h' }],
  };
  answerRequest({ request: aRequest({ state: 'denied', decision }), grant: null });
  const ended = await sally.run(ASK);
  assert.equal(ended.code, 4);
  assert.match(ended.stdout, /is denied/);
  assert.match(ended.stderr, /No policy allows 1h/);
  assert.match(ended.stderr, /--for 30m/);
  assert.match(ended.stderr, /Would be enough: a ticket/);
});

test('--timeout stops waiting with 5 and still prints the request', async () => {
  answerRequest({ request: aRequest(), grant: null });
  server.on('GET /api/requests/:id', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return checked(submitted, { request: aRequest(), grant: null });
  });
  const ended = await sally.run([...ASK, '--wait', '--timeout', '1s', '--json']);
  assert.equal(ended.code, 5);
  assert.equal(JSON.parse(ended.stdout).request.id, REQUEST_ID);
});

test('Ctrl-C while waiting: 130, the request stays, and how to take it back', async () => {
  answerRequest({ request: aRequest(), grant: null });
  server.on('GET /api/requests/:id', () => new Promise(() => undefined));
  const ended = await sally.run([...ASK, '--wait'], {
    when: { text: 'can approve', act: (kill) => kill('SIGINT') },
  });
  assert.equal(ended.code, 130);
  assert.equal(ended.stdout, '');
  assert.match(ended.stderr, /stays pending/);
  assert.match(ended.stderr, new RegExp(`sally cancel ${REQUEST_ID}`));
});

test('a server that goes away for a moment does not end the wait', async () => {
  let polls = 0;
  answerRequest({ request: aRequest(), grant: null });
  server.on('GET /api/requests/:id', () => {
    polls += 1;
    return polls === 1
      ? { drop: true }
      : checked(submitted, { request: aRequest({ state: 'approved' }), grant: aGrant() });
  });
  const ended = await sally.run([...ASK, '--wait', '--json']);
  assert.equal(ended.code, 0);
  assert.equal(polls, 2);
});

test('control characters of a reason never reach the terminal, in text nor in JSON', async () => {
  const decision = {
    ...aRequest().decision,
    outcome: 'deny' as const,
    reasons: [{ policy: 'p', effect: 'forbid' as const, text: 'no\u001b[2J\u0007 \u202egnp' }],
  };
  answerRequest({ request: aRequest({ state: 'denied', decision }), grant: null });
  for (const flags of [[], ['--json']]) {
    const ended = await sally.run([...ASK, ...flags]);
    assert.equal(hasControls(ended.stdout + ended.stderr), false);
    assert.match(ended.stdout + ended.stderr, /2J/);
    if (flags.length > 0)
      assert.equal(JSON.parse(ended.stdout).request.decision.reasons[0].text, 'no\u001b[2J\u0007 \u202egnp');
  }
});

test('approve binds to the digest of the card that it showed', async () => {
  server.on('GET /api/requests/:id', () => checked(submitted, { request: aRequest(), grant: null }));
  server.on('POST /api/requests/:id/approve', () =>
    checked(submitted, {
      request: aRequest({ state: 'approved', approvedDurationSeconds: 1800 }),
      grant: aGrant({ state: 'granting' }),
    }),
  );
  const ended = await sally.run(['approve', REQUEST_ID, '--for', '30m']);
  assert.equal(ended.code, 0);
  assert.match(ended.stderr, /Erin Engineer/);
  assert.match(ended.stderr, /refund order 1042/);
  assert.match(ended.stdout, /is approved: fix-orders on orders-db for 30m/);
  const sent = server.calls.findLast((call) => call.path.endsWith('/approve'));
  assert.deepEqual(sent?.body, { digest: 'd'.repeat(64), duration: '30m' });
});

test('deny and cancel send what they should', async () => {
  server.on('POST /api/requests/:id/deny', () =>
    checked(submitted, { request: aRequest({ state: 'denied' }), grant: null }),
  );
  server.on('POST /api/requests/:id/cancel', () =>
    checked(submitted, { request: aRequest({ state: 'cancelled' }), grant: null }),
  );
  const denied = await sally.run(['deny', REQUEST_ID, '--reason', 'use the replica', '--json']);
  assert.equal(denied.code, 0);
  assert.equal(JSON.parse(denied.stdout).request.state, 'denied');
  assert.deepEqual(server.calls.at(-1)?.body, { reason: 'use the replica' });
  assert.equal(
    JSON.parse((await sally.run(['cancel', REQUEST_ID, '--json'])).stdout).request.state,
    'cancelled',
  );
  const without = await sally.run(['deny', REQUEST_ID, '--no-input']);
  assert.equal(without.code, 2);
  assert.match(without.stderr, /--reason/);
});

test('done and revoke say what the target says, and 5 when it has not said it yet', async () => {
  const over = aGrant({
    state: 'revoked',
    endedAt: new Date().toISOString(),
    absentAt: new Date().toISOString(),
  });
  server.on('POST /api/grants/:id/done', () => checked(grantSchema, over));
  const done = await sally.run(['done', GRANT_ID]);
  assert.equal(done.code, 0);
  assert.match(done.stdout, /is revoked, verified on the target at \d\d:\d\d:\d\d/);
  assert.equal(server.calls.at(-1)?.query.get('wait'), '30');

  server.on('POST /api/grants/:id/revoke', () =>
    checked(grantSchema, aGrant({ state: 'revoking', overdue: true, lastError: 'connection refused' })),
  );
  const revoke = await sally.run(['revoke', GRANT_ID, '--reason', 'stolen laptop']);
  assert.equal(revoke.code, 5);
  assert.match(revoke.stdout, /revoking, overdue: orders-db has not confirmed yet \(connection refused\)/);
  assert.deepEqual(server.calls.at(-1)?.body, { reason: 'stolen laptop' });

  server.on('POST /api/grants/:id/revoke', () =>
    checked(
      grantSchema,
      aGrant({ state: 'cleanup-pending', blockers: ['session 4711 of dba holds a lock'] }),
    ),
  );
  const pending = await sally.run(['revoke', GRANT_ID, '--reason', 'stolen laptop']);
  assert.equal(pending.code, 0);
  assert.match(
    pending.stdout,
    /no login, no session and no rights.*Clean-up is pending; it waits for: session 4711/,
  );
});

test('done without an id gives back the only grant, and refuses to choose between several', async () => {
  server.on('POST /api/grants/:id/done', (call) =>
    checked(grantSchema, aGrant({ id: call.path.split('/')[3] ?? '', state: 'revoked' })),
  );
  server.on('GET /api/grants', () => ({ body: { items: [aGrant()], nextCursor: null } }));
  assert.equal(JSON.parse((await sally.run(['done', '--json'])).stdout).id, GRANT_ID);
  server.on('GET /api/grants', () => ({
    body: { items: [aGrant(), aGrant({ id: `grt_${'2'.repeat(26)}` })], nextCursor: null },
  }));
  const several = await sally.run(['done', '--json']);
  assert.equal(several.code, 2);
  assert.equal(several.stdout, '');
});

test('credentials of a grant whose time ran out exit 6; of one that was revoked, 1', async () => {
  server.on('POST /api/grants/:id/credentials', () =>
    problemAnswer(409, 'grant-revoked', 'This grant is revoked.'),
  );
  const past = new Date(Date.now() - 60_000).toISOString();
  server.on('GET /api/grants/:id', () =>
    checked(grantSchema, aGrant({ state: 'revoked', expiresAt: past, endedAt: past })),
  );
  assert.equal((await sally.run(['credentials', GRANT_ID])).code, 6);
  server.on('GET /api/grants/:id', () => checked(grantSchema, aGrant({ state: 'revoked', endedAt: past })));
  assert.equal((await sally.run(['credentials', GRANT_ID])).code, 1);
});

test('what is missing is a usage error that names the flag, and nothing is sent', async () => {
  const sent = server.calls.length;
  for (const [args, flag] of [
    [['request', 'orders-db', '--task', 'fix-orders'], /--reason/],
    [['request', 'orders-db', '--reason', 'x'], /--task/],
    [['request', 'orders-db', '--task', 'x', '--reason', 'x', '--for', '1y'], /45s, 30m, 2h or 1d/],
    [['request', 'orders-db', '--task', 'x', '--reason', 'x', '--for', '0s'], /at least 1s/],
    [['extend', GRANT_ID, '--reason', 'x'], /--for/],
    [['request'], /target/],
  ] as const) {
    const ended = await sally.run([...args]);
    assert.equal(ended.code, 2, args.join(' '));
    assert.match(ended.stderr, flag);
    assert.equal(ended.stdout, '');
  }
  assert.equal(server.calls.length, sent);
});

/** Anything that moves a terminal's cursor or reorders letters, line ends aside. */
function hasControls(text: string): boolean {
  return [...text].some((character) => character !== '\n' && /[\p{Cc}\u202a-\u202e]/u.test(character));
}
