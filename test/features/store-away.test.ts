// The store stops answering while a session is open: the gateway cuts at the deadline by itself, nothing new comes
// in, and when the store is back, everything that happened meanwhile is written down and the grant is revoked.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { grant, issuedCredential } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { session } from '../../src/api/sessions.ts';
import { segment } from '../../src/api/targets.ts';
import { pageOf } from '../../src/api/text.ts';
import { postgresProcessesIn, sendSignal } from '../../src/db/embedded/processes.ts';
import { type Sallyport, startSallyport } from '../harness/sallyport.ts';

let sallyport: Sallyport;
before(async () => {
  sallyport = await startSallyport();
});
after(() => sallyport[Symbol.asyncDispose]());

function signalStore(signal: NodeJS.Signals): void {
  const processes = postgresProcessesIn(join(sallyport.dataFolder, 'store', 'data'));
  assert.ok(processes.length > 0, 'the store has processes');
  for (const pid of processes) sendSignal(pid, signal);
}

async function activeGrant(duration: string) {
  const { grant: granted } = await sallyport.ask('engineer', 'POST', '/api/requests?wait=10', submitted, {
    target: 'orders-db',
    task: 'read-orders',
    duration,
    reason: 'while the store is away',
  });
  assert.equal(granted?.state, 'active');
  const { dsn } = await sallyport.ask(
    'engineer',
    'POST',
    `/api/grants/${granted.id}/credentials`,
    issuedCredential,
  );
  return { granted, dsn };
}

test('a stopped store neither ends a session early nor lets it live past its deadline', async () => {
  const { granted, dsn } = await activeGrant('8s');
  const client = new pg.Client({ connectionString: dsn });
  const cutAt = new Promise<number>((resolve) => client.once('end', () => resolve(Date.now())));
  client.on('error', () => undefined);
  await client.connect();
  await client.query('select 1');
  signalStore('SIGSTOP');
  try {
    await delay(3_000);
    assert.equal(
      (await client.query('select count(*) from orders')).rows[0]?.count,
      '120000',
      'it goes on meanwhile',
    );
    const late = new pg.Client({ connectionString: dsn, connectionTimeoutMillis: 3_000 });
    late.on('error', () => undefined);
    await assert.rejects(late.connect(), 'nothing new comes in');
    const deadline = Date.parse(granted.expiresAt ?? '');
    const at = await Promise.race([cutAt, delay(20_000, Number.POSITIVE_INFINITY)]);
    assert.ok(at - deadline <= 1_000, `cut ${at - deadline} ms after the deadline`);
  } finally {
    signalStore('SIGCONT');
  }
  const endsAt = Date.now() + 30_000;
  let state = '';
  while (state !== 'revoked' && Date.now() < endsAt) {
    await delay(250);
    state = (await sallyport.ask('engineer', 'GET', `/api/grants/${granted.id}`, grant)).state;
  }
  assert.equal(state, 'revoked');
  let ended = await sallyport.ask('engineer', 'GET', `/api/sessions?grant=${granted.id}`, pageOf(session));
  while (ended.items.some((one) => one.live) && Date.now() < endsAt) {
    await delay(250);
    ended = await sallyport.ask('engineer', 'GET', `/api/sessions?grant=${granted.id}`, pageOf(session));
  }
  assert.deepEqual(
    ended.items.map((one) => [one.live, one.statements]),
    [[false, 2]],
  );
  const verified = await sallyport.cli('auditor', 'audit', 'verify', '--json');
  assert.equal(verified.code, 0, verified.stderr);
});

test('where the segment says so, sessions end when the store has been away for that long, and not before', async () => {
  const set = (storeGraceSeconds: number | null) =>
    sallyport.ask('admin', 'POST', '/api/segments', segment, { path: 'prod/eu/orders', storeGraceSeconds });
  assert.equal((await set(2)).storeGraceSeconds, 2);
  const { granted, dsn } = await activeGrant('10m');
  const client = new pg.Client({ connectionString: dsn });
  const cutAt = new Promise<number>((resolve) => client.once('end', () => resolve(Date.now())));
  client.on('error', () => undefined);
  await client.connect();
  await client.query('select 1');
  const stoppedAt = Date.now();
  signalStore('SIGSTOP');
  let at: number;
  try {
    at = await Promise.race([cutAt, delay(30_000, Number.POSITIVE_INFINITY)]);
  } finally {
    signalStore('SIGCONT');
  }
  assert.ok(at - stoppedAt >= 2_000, `cut after ${at - stoppedAt} ms`);
  assert.ok(at - stoppedAt < 20_000, `cut after ${at - stoppedAt} ms`);
  const endsAt = Date.now() + 30_000;
  let reason: string | null = null;
  while (reason === null && Date.now() < endsAt) {
    await delay(250);
    const { items } = await sallyport.ask(
      'engineer',
      'GET',
      `/api/sessions?grant=${granted.id}`,
      pageOf(session),
    );
    reason = items[0]?.endReason ?? null;
  }
  assert.equal(reason, 'the store was away');
  assert.equal((await set(null)).ownStoreGrace, false);
});

test('a killed store comes back by itself, and no acknowledged event is lost', async () => {
  const { granted } = await activeGrant('10m');
  signalStore('SIGKILL');
  const endsAt = Date.now() + 40_000;
  let status = 0;
  while (status !== 200 && Date.now() < endsAt) {
    await delay(250);
    status = (
      await sallyport.call('engineer', 'GET', `/api/grants/${granted.id}`).catch(() => ({ status: 0 }))
    ).status;
  }
  assert.equal(status, 200);
  const kept = await sallyport.ask('engineer', 'GET', `/api/grants/${granted.id}`, grant);
  assert.equal(kept.state, 'active');
  const over = await sallyport.ask('engineer', 'POST', `/api/grants/${granted.id}/done?wait=20`, grant);
  assert.equal(over.state, 'revoked');
  const verified = await sallyport.cli('auditor', 'audit', 'verify', '--json');
  assert.equal(verified.code, 0, verified.stderr);
});
