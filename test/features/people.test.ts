// People and services of an installation: added, given a token, disabled; and what a disabled account loses, when.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { grant, issuedCredential } from '../../src/api/grants.ts';
import { issuedToken, token as tokenSchema } from '../../src/api/people.ts';
import { submitted } from '../../src/api/requests.ts';
import { runCli, type Sallyport, startSallyport } from '../harness/sallyport.ts';

let sallyport: Sallyport;
before(async () => {
  sallyport = await startSallyport();
});
after(() => sallyport[Symbol.asyncDispose]());

const cli = (token: string, ...args: string[]) =>
  runCli(args, { SALLY_SERVER: sallyport.server(), SALLY_TOKEN: token, HOME: sallyport.dataFolder });

test('a new engineer asks, a new approver approves, and disabling ends everything', async () => {
  const admin = sallyport.token('admin');
  for (const name of ['grace', 'linus']) {
    const more = name === 'grace' ? ['--group', 'engineering'] : [];
    const added = await cli(
      admin,
      'principal',
      'add',
      name,
      '--display-name',
      `${name} of the test`,
      ...more,
    );
    assert.equal(added.code, 0, added.stderr);
  }
  const reason = ['--reason', 'a first day'];
  const joins = await cli(admin, 'principal', 'change', 'linus', '--join', 'approvers', ...reason);
  assert.match(joins.stdout, /Nothing has changed yet: linus of the test could then change policies/);
  const approver = sallyport.token('approver');
  const [waiting] = JSON.parse((await cli(approver, 'principal', 'changes', '--json')).stdout) as {
    id: string;
  }[];
  assert.equal((await cli(admin, 'principal', 'confirm', waiting?.id ?? '')).code, 4, 'not alone');
  assert.equal((await cli(approver, 'principal', 'confirm', waiting?.id ?? '')).code, 0);
  const again = await cli(admin, 'principal', 'add', 'grace');
  assert.equal(again.code, 1);
  const [grace, linus] = await Promise.all(
    ['grace', 'linus'].map(async (name) => (await cli(admin, 'principal', 'token', name)).stdout.trim()),
  );
  if (grace === undefined || linus === undefined) throw new Error('two tokens');

  const asked = await cli(
    grace,
    'request',
    'orders-db',
    '--task',
    'fix-orders',
    '--for',
    '10m',
    '--reason',
    'a first day',
    '--json',
  );
  const { request } = submitted.parse(JSON.parse(asked.stdout));
  assert.equal(request.state, 'pending');
  assert.ok(request.stages[0]?.candidates.some((one) => one.name === 'linus'));
  assert.equal((await cli(grace, 'approve', request.id)).code, 4, 'not by herself');
  const handed = await cli(linus, 'approve', request.id);
  assert.equal(handed.code, 4, 'both tokens went through one hand');
  assert.match(handed.stderr, /Alex Admin handed out a way to sign in that was used here/);
  assert.equal((await cli(approver, 'approve', request.id)).code, 0);
  const active = await cli(grace, 'requests', '--json');
  assert.equal(active.code, 0);

  const call = async (path: string, method = 'GET') => {
    const response = await fetch(`${sallyport.server()}${path}`, {
      method,
      headers: { authorization: `Bearer ${grace}` },
    });
    return { status: response.status, body: (await response.json()) as unknown };
  };
  const got = submitted.parse((await call(`/api/requests/${request.id}?wait=20`)).body);
  assert.equal(got.grant?.state, 'active');
  const grantId = got.grant.id;
  const { dsn } = issuedCredential.parse((await call(`/api/grants/${grantId}/credentials`, 'POST')).body);
  const client = new pg.Client({ connectionString: dsn });
  client.on('error', () => undefined);
  const cut = new Promise<void>((resolve) => client.once('end', () => resolve()));
  await client.connect();

  const disabled = await cli(admin, 'principal', 'disable', 'grace', '--reason', 'left the company');
  assert.equal(disabled.code, 0, disabled.stderr);
  assert.equal((await call('/api/me')).status, 401);
  await Promise.race([cut, delay(5_000).then(() => assert.fail('the session goes on'))]);
  const endsAt = Date.now() + 10_000;
  let over = await sallyport.ask('auditor', 'GET', `/api/grants/${grantId}`, grant);
  while (over.state !== 'revoked' && Date.now() < endsAt) {
    await delay(200);
    over = await sallyport.ask('auditor', 'GET', `/api/grants/${grantId}`, grant);
  }
  assert.deepEqual([over.state, over.endReason], ['revoked', 'principal-disabled']);
  assert.equal((await cli(admin, 'principal', 'token', 'grace')).code, 1, 'no token for who is disabled');
});

test('only administrators, and never oneself', async () => {
  for (const person of ['engineer', 'approver', 'auditor', 'deploy-bot'] as const) {
    assert.equal(
      (await sallyport.call(person, 'POST', '/api/principals', { name: 'mine', displayName: 'Mine' })).status,
      403,
    );
    assert.equal((await sallyport.call(person, 'POST', '/api/principals/engineer/tokens', {})).status, 403);
  }
  assert.equal(
    (await sallyport.call('admin', 'POST', '/api/principals/admin/disable', { reason: 'oops' })).status,
    409,
  );
  assert.equal((await sallyport.call('admin', 'POST', '/api/principals/nobody/tokens', {})).status, 404);
  for (const name of ['', 'Upper', 'a b', '../etc', 'x'.repeat(101), "o'hara"]) {
    assert.equal(
      (await sallyport.call('admin', 'POST', '/api/principals', { name, displayName: 'x' })).status,
      422,
      name,
    );
  }
  const issued = await sallyport.ask('admin', 'POST', '/api/principals/auditor/tokens', issuedToken, {
    lifetime: '1s',
  });
  const me = () =>
    fetch(`${sallyport.server()}/api/me`, { headers: { authorization: `Bearer ${issued.token}` } });
  assert.equal((await me()).status, 200);
  await delay(1_500);
  assert.equal((await me()).status, 401, 'a token ends at its time');
});

test('limited tokens are added, listed and revoked, and make none that is wider', async () => {
  const admin = sallyport.token('admin');
  const added = await cli(
    admin,
    ...['principal', 'tokens', 'add', 'deploy-bot', '--scope', 'read', '--scope', 'request'],
    ...['--from', '127.0.0.0/8', '--for', '90d', '--label', 'nightly deploy', '--json'],
  );
  assert.equal(added.code, 0, added.stderr);
  const issued = issuedToken.parse(JSON.parse(added.stdout));
  const listed = await cli(admin, 'principal', 'tokens', 'list', 'deploy-bot', '--json');
  const one = tokenSchema
    .array()
    .parse(JSON.parse(listed.stdout))
    .find((item) => item.id === issued.id);
  assert.deepEqual(
    [one?.name, one?.scopes, one?.addresses, one?.issuedBy, one?.state],
    ['nightly deploy', ['read', 'request'], ['127.0.0.0/8'], 'admin', 'live'],
  );
  assert.equal(listed.stdout.includes(issued.token), false, 'never the token itself');
  const asked = ['request', 'orders-db', '--task', 'read-orders', '--for', '45s', '--reason', 'x'];
  assert.notEqual((await cli(issued.token, ...asked, '--json')).code, 3, 'it is let in');
  assert.equal(
    (await cli(admin, 'principal', 'tokens', 'revoke', 'engineer', issued.id)).code,
    1,
    'not theirs',
  );
  assert.equal((await cli(admin, 'principal', 'tokens', 'revoke', 'deploy-bot', issued.id)).code, 0);
  assert.equal((await cli(issued.token, 'whoami')).code, 3);

  const make = async (by: string, body: object) => {
    const response = await fetch(`${sallyport.server()}/api/principals/admin/tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${by}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, said: (await response.json()) as { token?: string; code?: string } };
  };
  const narrow = { scopes: ['administer', 'read'], addresses: ['127.0.0.0/16'] };
  const by = (await make(admin, narrow)).said.token ?? '';
  for (const wider of [
    {},
    { scopes: narrow.scopes },
    { addresses: narrow.addresses },
    { ...narrow, scopes: [...narrow.scopes, 'approve'] },
    { ...narrow, addresses: ['127.0.0.0/8'] },
    { ...narrow, addresses: [...narrow.addresses, '::1'] },
  ]) {
    const refused = await make(by, wider);
    assert.deepEqual([refused.status, refused.said.code], [403, 'wider-than-yours'], JSON.stringify(wider));
  }
  assert.equal((await make(by, { scopes: ['read'], addresses: ['127.0.0.1'] })).status, 201);
  for (const wrong of [
    { scopes: [] },
    { scopes: ['everything'] },
    { addresses: ['10.1.2.3/8'] },
    { addresses: [] },
    { lifetime: '25d' },
    { name: 'a\u202eb' },
  ])
    assert.equal((await make(admin, wrong)).status, 422, JSON.stringify(wrong));
});
