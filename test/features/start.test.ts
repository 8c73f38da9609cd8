// Starting and stopping the demo as a person does it: what is printed and written, who may sign in with one click, and
import { X509Certificate } from 'node:crypto';
// that nothing is left running or lying about, however it ends.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { grant as grantSchema, issuedCredential } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { postgresProcessesIn } from '../../src/db/embedded/processes.ts';
import { runMain } from '../harness/main-process.ts';
import { rawHttp } from '../harness/raw-http.ts';
import { type Sallyport, startSallyport } from '../harness/sallyport.ts';

const STOP_LIMIT_MS = 5_000;
const ASKED = { target: 'orders-db', task: 'read-orders', duration: '30m', reason: 'across a stop' };

function serversOf(dataFolder: string): number[] {
  return ['store', 'orders-db'].flatMap((name) => postgresProcessesIn(join(dataFolder, name, 'data')));
}

/** True when something listens there. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

describe('the demo', () => {
  let sallyport: Sallyport;
  before(async () => {
    sallyport = await startSallyport();
  });
  after(() => sallyport[Symbol.asyncDispose]());

  const demoFile = () => join(sallyport.dataFolder, 'demo.json');
  const dsnOf = async (grantId: string) =>
    (await sallyport.ask('engineer', 'POST', `/api/grants/${grantId}/credentials`, issuedCredential)).dsn;
  const activeGrant = async () => {
    const got = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, ASKED);
    assert.equal(got.grant?.state, 'active');
    return got.grant;
  };
  const openSession = async (grantId: string) => {
    const client = new pg.Client({ connectionString: await dsnOf(grantId) });
    const over = new Promise<void>((resolve) => client.once('end', () => resolve()));
    client.on('error', () => undefined);
    await client.connect();
    return { client, over };
  };

  test('demo.json is private and says what the contract says', () => {
    assert.equal(statSync(demoFile()).mode & 0o777, 0o600);
    const facts = JSON.parse(readFileSync(demoFile(), 'utf8'));
    assert.deepEqual(Object.keys(facts).sort(), ['people', 'server', 'targets']);
    assert.deepEqual(Object.keys(facts.people).sort(), [
      'admin',
      'approver',
      'auditor',
      'deploy-bot',
      'engineer',
      'second-approver',
    ]);
    assert.match(facts.targets['orders-db'].admin, /^postgres:\/\//);
    assert.equal(statSync(sallyport.dataFolder).mode & 0o077, 0, 'nobody else looks into the data folder');
  });

  test('it prints where to go, who can sign in, and three commands', () => {
    const said = sallyport.output();
    assert.match(said, /Portal and API +http:\/\/127\.0\.0\.1:\d+/);
    for (const person of ['engineer', 'approver', 'auditor', 'admin']) assert.match(said, new RegExp(person));
    assert.equal(said.split('\n').filter((line) => line.includes('./sally --as ')).length, 3);
    assert.doesNotMatch(said, /sally_[A-Za-z0-9_-]{43}/);
  });

  test('one click signs in from its own page, and from nowhere else', async () => {
    const server = sallyport.server();
    const port = Number(new URL(server).port);
    const signIn = (headers: Record<string, string>) =>
      rawHttp({ server, method: 'POST', path: '/api/demo/sign-in', headers, body: { person: 'admin' } });
    const own = await signIn({ origin: server });
    assert.equal(own.status, 200, own.text);
    assert.equal(own.json?.name, 'admin');
    for (const headers of [
      {},
      { origin: 'null' },
      { origin: 'http://evil.example' },
      { origin: `http://127.0.0.1:${port + 1}` },
      { origin: `https://127.0.0.1:${port}` },
      { origin: `http://localhost:${port}` },
      { host: `evil.example:${port}`, origin: `http://evil.example:${port}` },
      { host: `127.0.0.1.nip.io:${port}`, origin: `http://127.0.0.1.nip.io:${port}` },
    ]) {
      const refused = await signIn(headers);
      assert.equal(refused.status, 403, JSON.stringify(headers));
      assert.equal(refused.headers['set-cookie'], undefined);
    }
    const people = await rawHttp({ server, path: '/api/demo/people', headers: { host: 'evil.example' } });
    assert.equal(people.status, 403);
  });

  test('a second start on the same folder is refused by name, and harms nothing', async () => {
    const before = readFileSync(demoFile(), 'utf8');
    await using second = runMain({ SALLY_DATA: sallyport.dataFolder }, sallyport.dataFolder);
    assert.equal(await second.ended, 1);
    assert.match(second.output(), new RegExp(`\\b${sallyport.pid()}\\b`));
    assert.match(second.output(), /already runs/);
    assert.doesNotMatch(second.output(), /at .*\.ts:\d+/, 'no stack for what is no fault of the program');
    assert.equal(readFileSync(demoFile(), 'utf8'), before);
    assert.equal((await sallyport.call(null, 'GET', '/healthz')).status, 200);
  });

  test('SIGTERM ends everything within 5 s, and the next start goes on where it was', async () => {
    const granted = await activeGrant();
    const session = await openSession(granted.id);
    const me = (await sallyport.call('engineer', 'GET', '/api/me')).body as { id: string };
    const oldToken = sallyport.token('engineer');
    const oldServer = sallyport.server();
    const gatewayPort = Number(new URL(await dsnOf(granted.id)).port);
    assert.ok(serversOf(sallyport.dataFolder).length > 2);

    const startedAt = Date.now();
    const code = await sallyport.stop();
    const took = Date.now() - startedAt;
    assert.equal(code, 0);
    assert.ok(took <= STOP_LIMIT_MS, `${took} ms`);
    await session.over;
    assert.deepEqual(serversOf(sallyport.dataFolder), []);
    assert.equal(await answers(Number(new URL(oldServer).port)), false);
    assert.equal(await answers(gatewayPort), false);
    assert.equal(existsSync(demoFile()), false);
    assert.match(
      sallyport.output(),
      new RegExp(`${granted.id} on orders-db, until`),
      'it says what lives on',
    );

    await sallyport.start();
    assert.equal(((await sallyport.call('engineer', 'GET', '/api/me')).body as { id: string }).id, me.id);
    const again = await sallyport.ask('engineer', 'GET', `/api/grants/${granted.id}`, grantSchema);
    assert.equal(again.state, 'active');
    assert.equal(again.expiresAt, granted.expiresAt, 'a stop extends nothing');
    const next = await openSession(granted.id);
    assert.equal((await next.client.query('select count(*) from orders')).rows[0]?.count, '120000');
    await next.client.end();
    const old = await rawHttp({
      server: sallyport.server(),
      path: '/api/me',
      headers: { authorization: `Bearer ${oldToken}` },
    });
    assert.equal(old.status, 401, "yesterday's demo.json opens nothing");
    const verified = await sallyport.cli('auditor', 'audit', 'verify', '--json');
    assert.equal(verified.code, 0, verified.stderr);
    const kinds = await sallyport.call('auditor', 'GET', '/api/audit/entries?limit=200');
    const told = (kinds.body as { items: { leaf: { kind: string } }[] }).items.map((item) => item.leaf.kind);
    assert.ok(
      told.includes('system.stopped') && told.filter((kind) => kind === 'system.started').length >= 2,
    );
    const shown = (
      kinds.body as { items: { leaf: { kind: string; detail: Record<string, unknown> } }[] }
    ).items
      .map(({ leaf }) => leaf)
      .filter((leaf) => leaf.kind === 'gateway.started');
    const own = new X509Certificate(readFileSync(join(sallyport.dataFolder, 'gateway', 'certificate.pem')));
    const databases = shown.filter(({ detail }) => detail.gateway === 'postgres');
    assert.ok(databases.length >= 2, 'one a start');
    for (const { detail } of databases)
      assert.deepEqual(
        [detail.serial, detail.sha256, detail.validUntil],
        [
          own.serialNumber.toLowerCase(),
          own.fingerprint256.replaceAll(':', '').toLowerCase(),
          own.validToDate.toISOString(),
        ],
      );
    const hosts = shown.filter(({ detail }) => detail.gateway === 'ssh');
    assert.ok(hosts.length >= 2);
    for (const { detail } of hosts) assert.match(String(detail.hostKey), /^SHA256:[A-Za-z0-9+/]{43}$/);
    const targets = (await sallyport.call('engineer', 'GET', '/api/targets')).body as { items: unknown[] };
    assert.equal(targets.items.length, 1, 'nothing is made twice');
  });

  test('Ctrl-C in the middle of starting leaves nothing either', async () => {
    assert.equal(await sallyport.stop(), 0);
    for (const delayMs of [50, 700, 2_000]) {
      await using early = runMain({ SALLY_DATA: sallyport.dataFolder }, sallyport.dataFolder);
      await delay(delayMs);
      const startedAt = Date.now();
      early.kill('SIGINT');
      await early.ended;
      assert.ok(Date.now() - startedAt <= STOP_LIMIT_MS, `${Date.now() - startedAt} ms`);
      assert.deepEqual(serversOf(sallyport.dataFolder), [], `after ${delayMs} ms`);
      assert.equal(existsSync(demoFile()), false);
    }
    await sallyport.start();
  });

  test('stopped as soon as it is ready, every part of it stops', async () => {
    await using fresh = await startSallyport();
    assert.equal(await fresh.stop(), 0);
    assert.doesNotMatch(fresh.output(), /took too long to stop|did not stop cleanly/);
  });

  test('killed hard, the next start takes over what was left and recovers', async () => {
    const granted = await activeGrant();
    await sallyport.crash();
    await sallyport.start();
    assert.equal(
      (await sallyport.ask('engineer', 'GET', `/api/grants/${granted.id}`, grantSchema)).state,
      'active',
    );
    const masters = ['store', 'orders-db'].map(
      (name) =>
        readFileSync(join(sallyport.dataFolder, name, 'data', 'postmaster.pid'), 'utf8').split('\n', 1)[0],
    );
    assert.equal(new Set(masters).size, 2);
    const verified = await sallyport.cli('auditor', 'audit', 'verify', '--json');
    assert.equal(verified.code, 0, verified.stderr);
  });
});
