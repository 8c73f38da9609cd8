// Ways around a rule, each tried: approving for oneself by further accounts, a policy that speaks too late, a cookie
// that renews itself, a target that hangs, a grant that begins long after it was given.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { submitted } from '../../src/api/requests.ts';
import { newId } from '../../src/base/ids.ts';
import {
  type Person,
  policiesInForce,
  publishPolicies,
  type Sallyport,
  startSallyport,
} from '../harness/sallyport.ts';

let sallyport: Sallyport;
let store: pg.Client;
before(async () => {
  sallyport = await startSallyport();
  store = await connected(sallyport.storeUrl());
});
after(async () => {
  await store.end();
  await sallyport[Symbol.asyncDispose]();
});

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

const codeOf = (body: unknown) => (body as { code?: string }).code;

async function active(duration: string, by: Person = 'engineer') {
  const { grant } = await sallyport.ask(by, 'POST', '/api/requests?wait=20', submitted, {
    target: 'orders-db',
    task: 'read-orders',
    duration,
    reason: 'a way around',
  });
  assert.equal(grant?.state, 'active');
  return grant as NonNullable<typeof grant>;
}

async function idOf(name: string): Promise<string> {
  const { rows } = await store.query('select id from principals where name = $1', [name]);
  return String(rows[0]?.id);
}

/** A principal that nobody can make by the API, in `engineering`, with a token. */
async function account(name: string, more: { kind?: string; sponsor?: string; samePerson?: string }) {
  const id = newId('principal');
  const token = `sally_${randomBytes(32).toString('base64url')}`;
  await store.query(
    `insert into principals (id, kind, name, display_name, sponsor_id, same_person_as) values ($1, $2, $3, $3, $4, $5)`,
    [id, more.kind ?? 'person', name, more.sponsor ?? null, more.samePerson ?? null],
  );
  await store.query(`insert into memberships select id, $1 from groups where name = 'engineering'`, [id]);
  await store.query(
    `insert into tokens (id, principal_id, kind, name, hash, expires_at) values ($1, $2, 'api', 't', $3, now() + interval '1 hour')`,
    [newId('token'), id, createHash('sha256').update(token).digest()],
  );
  return { id, token };
}

async function send(token: string | null, path: string, body?: object) {
  const response = await fetch(`${sallyport.server()}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: text === '' ? null : (JSON.parse(text) as unknown),
    cookie: /sallyport=([^;]+)/.exec(response.headers.get('set-cookie') ?? '')?.[1] ?? '',
  };
}

const FIX = { target: 'orders-db', task: 'fix-orders', duration: '10m', reason: 'for myself' };

test('a sponsor does not approve for the sponsored, whichever of their accounts sponsors', async () => {
  const further = await account('approver-admin', { samePerson: await idOf('approver') });
  const agent = await account('helper', { kind: 'agent', sponsor: further.id });
  const { request } = submitted.parse((await send(agent.token, '/api/requests', FIX)).body);
  assert.equal(request.state, 'pending');
  assert.equal(
    (await sallyport.call('approver', 'POST', `/api/requests/${request.id}/approve`, {})).status,
    404,
  );
  const other = await sallyport.call('second-approver', 'POST', `/api/requests/${request.id}/approve`, {});
  assert.equal(other.status, 200, 'somebody else does');
});

test('an account of an account is still the same person', async () => {
  const first = await account('pat', {});
  const second = await account('pat-admin', { samePerson: first.id });
  const third = await account('pat-on-call', { samePerson: second.id });
  const { request } = submitted.parse((await send(third.token, '/api/requests', FIX)).body);
  await store.query(`update principals set same_person_as = $1 where name = 'second-approver'`, [first.id]);
  try {
    const own = await sallyport.call('second-approver', 'POST', `/api/requests/${request.id}/approve`, {});
    assert.equal(own.status, 404);
  } finally {
    await store.query(`update principals set same_person_as = null where name = 'second-approver'`);
  }
});

test("a browser's token ends with the one that it was made from, and makes no other", async () => {
  const { token } = await account('browsing', {});
  const signed = await send(null, '/api/sign-in', { token });
  assert.equal(signed.status, 200);
  assert.equal((await send(signed.cookie, '/api/me')).status, 200);
  const renewed = await send(null, '/api/sign-in', { token: signed.cookie });
  assert.equal(codeOf(renewed.body), 'browser-token');
  const { rows } = await store.query(
    `select b.expires_at <= a.expires_at as within from tokens a, tokens b where a.hash = $1 and b.hash = $2`,
    [token, signed.cookie].map((one) => createHash('sha256').update(one).digest()),
  );
  assert.equal(rows[0]?.within, true);
  assert.equal((await send(token, '/api/sign-out', {})).status, 204);
  assert.equal((await send(signed.cookie, '/api/me')).status, 401);
});

test('a policy that forbids to extend is heard, and one that forbids all ends what lives', async () => {
  const files = await policiesInForce(sallyport);
  const publish = async (more: Record<string, string>) => {
    await publishPolicies(sallyport, { ...files, ...more });
    await pause(1_000);
  };
  const grant = await active('5m');
  const { dsn } = (await sallyport.call('engineer', 'POST', `/api/grants/${grant.id}/credentials`)).body as {
    dsn: string;
  };
  const session = await connected(dsn);
  const extend = () =>
    sallyport.call('engineer', 'POST', `/api/grants/${grant.id}/extend`, { duration: '1m', reason: 'more' });
  try {
    await publish({
      'no-more.cedar': '@id("no-more") forbid (principal, action == Action::"extend", resource);',
    });
    const refused = await extend();
    assert.equal(refused.status, 403);
    assert.equal(codeOf(refused.body), 'extension-denied');
    await session.query('select 1');
    await publish({ 'none.cedar': '@id("none") forbid (principal, action == Action::"request", resource);' });
    for (const endsAt = Date.now() + 8_000; Date.now() < endsAt; await pause(100)) {
      const { state } = (await sallyport.call('engineer', 'GET', `/api/grants/${grant.id}`)).body as {
        state: string;
      };
      if (state === 'revoked') break;
    }
    const { endReason } = (await sallyport.call('engineer', 'GET', `/api/grants/${grant.id}`)).body as {
      endReason: string;
    };
    assert.equal(endReason, 'policy-changed');
    await assert.rejects(session.query('select 1'));
  } finally {
    await session.end().catch(() => undefined);
    await publish({});
  }
});

/** A request and its grant as a crash right after the approval left them. */
async function leftGrant(target: string, change: Record<string, string>): Promise<string> {
  const [request, grant] = [newId('request'), newId('grant')];
  const login = `sp_${grant.slice(4)}`;
  await store.query(
    `insert into requests (id, requester_id, target_id, task_id, duration_s, reason, source_address, digest, state, outcome,
       reasons, obligations, expires_at)
     select $1, p.id, t.id, k.id, 600, 'r', '127.0.0.1', 'd', 'approved', 'allow', '[]', '{"approvals":[]}', now()
     from principals p, targets t, tasks k where p.name = 'engineer' and t.name = $2 and k.name = 'read-orders'`,
    [request, target],
  );
  const columns = Object.keys(change);
  await store.query(
    `insert into grants (id, request_id, principal_id, target_id, task_id, login, handle, duration_s, ${columns.join(', ')})
     select $1, id, requester_id, target_id, task_id, $3, $4, 600, ${columns.map((name) => change[name]).join(', ')}
     from requests where id = $2`,
    [grant, request, login, JSON.stringify({ login, grantId: grant })],
  );
  return grant;
}

test('a grant that nobody has made within a minute is given up, also when nobody has tried', async () => {
  const grant = await leftGrant('orders-db', { created_at: `now() - interval '1 hour'` });
  for (const endsAt = Date.now() + 8_000; Date.now() < endsAt; await pause(100)) {
    const { rows } = await store.query('select observed from grants where id = $1', [grant]);
    if (rows[0]?.observed === 'absent') break;
  }
  const { rows } = await store.query('select end_reason, activated_at, observed from grants where id = $1', [
    grant,
  ]);
  assert.deepEqual(rows, [{ end_reason: 'not-granted', activated_at: null, observed: 'absent' }]);
});

test('a grant that ends while it is made is taken away at once', async () => {
  const target = await connected(sallyport.adminUrl());
  try {
    // Nobody can make a role while this is held.
    await target.query('begin; lock table pg_authid in exclusive mode');
    const { grant } = await sallyport.ask('engineer', 'POST', '/api/requests', submitted, {
      target: 'orders-db',
      task: 'read-orders',
      duration: '10m',
      reason: 'a way around',
    });
    assert.equal(grant?.state, 'granting');
    // The second step of it is by a worker's lease.
    await pause(3_000);
    await store.query(
      `update grants set wanted = 'absent', end_reason = 'returned', ended_at = now(),
      next_attempt_at = now(), version = version + 1 where id = $1`,
      [grant?.id],
    );
    await target.query('rollback');
    const endsAt = Date.now() + 5_000;
    for (;;) {
      const { rows } = await store.query('select observed from grants where id = $1', [grant?.id]);
      if (rows[0]?.observed === 'absent') break;
      assert.ok(Date.now() < endsAt, 'it waits for a lease');
      await pause(100);
    }
  } finally {
    await target.end();
  }
});

test('a target that takes connections and never answers delays nobody else', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    const added = await sallyport.call('admin', 'POST', '/api/targets', {
      name: 'silent',
      kind: 'postgres',
      segment: 'prod/eu/orders',
      environment: 'prod',
      sensitivity: 'normal',
      settings: { host: '127.0.0.1', port, database: 'orders', tls: 'off' },
      admin: { user: 'x', password: 'y' },
    });
    assert.equal(added.status, 201);
    const present = {
      observed: `'present'`,
      activated_at: 'now()',
      expires_at: `now() + interval '3 seconds'`,
    };
    for (let i = 0; i < 150; i++) await leftGrant('silent', present);
    await pause(5_000);
    const target = await connected(sallyport.adminUrl());
    const begunAt = Date.now();
    const grant = await active('2s');
    assert.ok(Date.now() - begunAt < 5_000, `a grant took ${Date.now() - begunAt} ms`);
    const activeAt = Date.now();
    for (;;) {
      const { rows } = await target.query('select from pg_roles where rolname = $1 and rolcanlogin', [
        grant.login,
      ]);
      if (rows.length === 0) break;
      assert.ok(Date.now() - activeAt < 8_000, 'the revocation waits for another target');
      await pause(50);
    }
    await target.end();
  } finally {
    await store.query(`update grants set wanted = 'absent', observed = 'absent', end_reason = 'expired'
      where target_id = (select id from targets where name = 'silent')`);
    silent.close();
  }
});

test('calls of one principal that wait do not take the store from others', async () => {
  const { request } = await sallyport.ask('engineer', 'POST', '/api/requests', submitted, FIX);
  const stop = new AbortController();
  let refused = 0;
  const waits = Array.from({ length: 300 }, () =>
    fetch(`${sallyport.server()}/api/requests/${request.id}?wait=60`, {
      headers: { authorization: `Bearer ${sallyport.token('engineer')}` },
      signal: stop.signal,
    }).then(
      (answer) => {
        if (answer.status === 429) refused++;
      },
      () => undefined,
    ),
  );
  for (let looks = 0; refused < 250 && looks < 300; looks++) await pause(100);
  const begunAt = Date.now();
  await active('1m', 'approver');
  assert.ok(Date.now() - begunAt < 5_000, `a grant took ${Date.now() - begunAt} ms`);
  stop.abort();
  await Promise.all(waits);
  assert.equal(refused, 250);
});
