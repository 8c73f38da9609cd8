// The gateway of the whole product under abuse: whatever strangers send, the product stays up and small, a session that
// runs goes on, others get in, and nothing of it reaches the target or fills the log.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Grant, issuedCredential } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import { type Sallyport, startSallyport } from '../harness/sallyport.ts';
import { fields, int, logInByWire, msg, openWire, startup } from '../harness/wire.ts';

const MOST_GROWTH_KB = 200 * 1024;
const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;

let sallyport: Sallyport;
let granted: Grant;
let dsn: URL;
let port: number;
/** Open from before the first abuse until after the last. */
let session: pg.Client;
let sizeBefore: number;

before(async () => {
  sallyport = await startSallyport();
  const got = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, {
    target: 'orders-db',
    task: 'read-orders',
    duration: '30m',
    reason: 'while strangers knock',
  });
  assert.equal(got.grant?.state, 'active');
  granted = got.grant;
  const issued = await sallyport.ask(
    'engineer',
    'POST',
    `/api/grants/${granted.id}/credentials`,
    issuedCredential,
  );
  dsn = new URL(issued.dsn);
  port = Number(dsn.port);
  session = new pg.Client({ connectionString: dsn.href });
  session.on('error', () => undefined);
  await session.connect();
  await session.query('select count(*) from orders');
  sizeBefore = residentKb();
});
after(async () => {
  await session.end().catch(() => undefined);
  await sallyport[Symbol.asyncDispose]();
});

function residentKb(): number {
  const status = readFileSync(`/proc/${sallyport.pid()}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}

/** The session goes on, somebody new gets in, the API answers, and memory is what it was. */
async function allIsWell(): Promise<void> {
  assert.equal((await session.query('select 1 as one')).rows[0]?.one, 1);
  const other = new pg.Client({ connectionString: dsn.href });
  await other.connect();
  assert.equal((await other.query('select count(*) from orders')).rows[0]?.count, '120000');
  await other.end();
  assert.equal((await sallyport.call('engineer', 'GET', '/api/me')).status, 200);
  // V8 compiles what has become hot (WebAssembly above all) in hundreds of megabytes that it gives back after a second.
  let grown = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 100 && grown >= MOST_GROWTH_KB; i++) {
    if (i > 0) await delay(100);
    grown = residentKb() - sizeBefore;
  }
  assert.ok(grown < MOST_GROWTH_KB, `${grown} kB more than before`);
}

function open(from?: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      ...(from === undefined ? {} : { localAddress: from }),
    });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
    socket.on('error', () => undefined);
  });
}

/** What came until the gateway closed, at most for `ms`. */
async function answerTo(bytes: Buffer, ms = 3_000): Promise<{ text: string; closed: boolean }> {
  const socket = await open();
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.write(bytes);
  const closed = await new Promise<boolean>((resolve) => {
    socket.once('close', () => resolve(true));
    setTimeout(resolve, ms, false).unref();
  });
  socket.destroy();
  return { text, closed };
}

test('what is no protocol at all is turned away', async () => {
  for (const [what, bytes] of [
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['SSH', Buffer.from('SSH-2.0-OpenSSH_9.2p1\r\n')],
    ['a length of zero', int(0)],
    ['a length of one', Buffer.concat([int(1), Buffer.alloc(8)])],
    ['a startup of 1 GB', Buffer.concat([int(1 << 30), int(0x30000)])],
    ['a startup of almost 4 GB', Buffer.concat([int(0xffffffff), int(0x30000)])],
    ['protocol 2', startup({ user: 'x' }, 0x20000)],
    ['no end of a parameter', Buffer.concat([int(13), int(0x30000), Buffer.from('user\u0001')])],
    ['a message before any startup', msg('Q', 'select 1')],
  ] as const) {
    const { text, closed } = await answerTo(bytes);
    assert.equal(closed, true, `${what} is closed`);
    assert.doesNotMatch(text, /\.ts:|node:/, what);
  }
  await allIsWell();
});

test('names that are none, and names that would be more in a query or a connection string', async () => {
  for (const parameters of [
    {},
    { user: '' },
    { user: '', database: 'orders' },
    { user: granted.login, database: '' },
    { user: `${granted.login}' or '1'='1`, database: 'orders' },
    { user: `${granted.login}" superuser`, database: 'orders' },
    { user: `${granted.login}; drop table grants`, database: 'orders' },
    { user: `${granted.login} host=127.0.0.1 port=5432`, database: 'orders' },
    { user: granted.login.toUpperCase(), database: 'orders' },
    { user: 'postgres', database: 'orders' },
    { user: 'sallyport_admin', database: 'orders' },
    { user: '\u001b[31mred\r\nInjected: line', database: 'orders' },
    { user: 'x'.repeat(5_000), database: 'orders' },
    { user: '%', database: '%' },
  ]) {
    const wire = await openWire(port);
    await assert.rejects(
      logInByWire(wire, parameters.user ?? '', dsn.password, { ...parameters }),
      JSON.stringify(parameters).slice(0, 80),
    );
    wire.socket.destroy();
  }
  for (const database of ['postgres', 'orders; select 1', '../orders', 'ORDERS', "orders' --", 'template1']) {
    const wire = await openWire(port);
    await assert.rejects(logInByWire(wire, granted.login, dsn.password, { database }), database);
    wire.socket.destroy();
  }
  assert.equal(sallyport.output().includes('\u001b[31m'), false);
  // Strangers leave no entries; a wrong database under the right secret does.
  const { items } = (await sallyport.call('auditor', 'GET', '/api/audit/entries?limit=200')).body as {
    items: { leaf: { kind: string } }[];
  };
  const refused = items.filter((item) => item.leaf.kind === 'session.refused');
  assert.ok(refused.length >= 5 && refused.length <= 7, `${refused.length} refusals`);
  assert.doesNotMatch(JSON.stringify(items), /Injected|superuser|drop table/);
  await allIsWell();
});

test('clients that connect and say nothing, or stop in the middle, keep nobody out', async () => {
  const sockets: Socket[] = [];
  for (let i = 0; i < 300; i++) {
    const socket = await open();
    if (i % 3 === 1) socket.write(int(500));
    if (i % 3 === 2) socket.write(Buffer.concat([int(8), int(SSL_REQUEST)]));
    sockets.push(socket);
  }
  await allIsWell();
  for (const socket of sockets) socket.destroy();
});

test('a crossed CancelRequest stops nothing that is not its own', async () => {
  const wire = await openWire(port);
  const messages = await logInByWire(wire, granted.login, dsn.password);
  const key = messages.find((message) => message.type === 'K')?.body ?? Buffer.alloc(8);
  const slow = session.query('select pg_sleep(2), 1 as done');
  for (let i = 0; i < 50; i++) {
    const secret = i % 2 === 0 ? randomBytes(4) : key.subarray(4);
    const socket = await open();
    // Guessed keys, and the right key of another session with a guessed process.
    const process = i % 2 === 0 ? key.subarray(0, 4) : randomBytes(4);
    const body = Buffer.concat([int(CANCEL_REQUEST), process, secret]);
    socket.end(Buffer.concat([int(body.length + 4), body]));
  }
  assert.equal((await slow).rows[0]?.done, 1);
  wire.socket.destroy();
  await allIsWell();
});

test('a known login with a wrong secret stands in the log, once in a while', async () => {
  for (let n = 0; n < 5; n++) {
    const wire = await openWire(port);
    await assert.rejects(logInByWire(wire, granted.login, `${dsn.password}${n}`, { database: 'orders' }));
    wire.socket.destroy();
  }
  const wrong = async () => {
    const { body } = await sallyport.call('auditor', 'GET', '/api/audit/entries?limit=200');
    const { items } = body as { items: { leaf: { kind: string; detail: { code?: string } } }[] };
    return items.filter(({ leaf }) => leaf.kind === 'session.refused' && leaf.detail.code === 'wrong-secret');
  };
  // It is written when the client has its answer already.
  const giveUpAt = Date.now() + 5_000;
  while ((await wrong()).length === 0 && Date.now() < giveUpAt) await new Promise((r) => setTimeout(r, 50));
  assert.equal((await wrong()).length, 1);
});

test('thousands of failed logins are limited, cost nobody else the way in, and do not fill the log', {
  timeout: 120_000,
}, async () => {
  const size = async () =>
    Number(
      /^sallyport_audit_entries_total (\d+)$/m.exec(
        String((await sallyport.call('auditor', 'GET', '/metrics')).body),
      )?.[1],
    );
  const sizeAtFirst = await size();
  let limited = 0;
  let tried = 0;
  const attack = async (): Promise<void> => {
    while (tried < 3_000) {
      tried += 1;
      const socket = await open('127.88.1.1');
      socket.write(startup({ user: `sp_${'0'.repeat(26)}`, database: 'orders' }));
      const text = await new Promise<string>((resolve) => {
        let got = '';
        socket.on('data', (chunk) => {
          got += chunk.toString('latin1');
          // Asked for a proof: one that cannot be right.
          if (got.startsWith('R') && !got.includes('r=')) {
            const first = Buffer.from('n,,n=,r=abcdefghijklmnopqr');
            socket.write(msg('p', 'SCRAM-SHA-256', int(first.length), first));
          } else if (got.includes('r=') && !got.includes('C28')) {
            const nonce = /r=([^,]+)/.exec(got)?.[1] ?? '';
            socket.write(msg('p', Buffer.from(`c=biws,r=${nonce},p=${Buffer.alloc(32).toString('base64')}`)));
          }
        });
        socket.once('close', () => resolve(got));
        socket.once('end', () => resolve(got));
      });
      socket.destroy();
      assert.match(text, /FATAL/, 'each is told no');
      if (/Too many logins failed/.test(text)) limited += 1;
    }
  };
  const started = Date.now();
  const attacks = Array.from({ length: 16 }, attack);
  await allIsWell();
  await Promise.all(attacks);
  await allIsWell();
  assert.ok(limited > 2_000, `${limited} of ${tried} were limited`);
  assert.ok(Date.now() - started < 100_000);
  assert.ok((await size()) - sizeAtFirst < 100, 'the log is not theirs to fill');
});

test('broken messages in a session that is let in end that session only, and its record says so', async () => {
  for (const bytes of [
    Buffer.concat([Buffer.from('Q'), int(1 << 30)]),
    Buffer.concat([Buffer.from('Q'), int(2)]),
    Buffer.concat([Buffer.from('\u0000'), int(4)]),
    Buffer.concat([Buffer.from('P'), int(0xffffffff)]),
    msg('B', Buffer.alloc(3, 0xff)),
  ]) {
    const wire = await openWire(port);
    await logInByWire(wire, granted.login, dsn.password);
    wire.send(bytes);
    const rest = await Promise.race([
      wire.rest(),
      new Promise<'open'>((resolve) => setTimeout(resolve, 4_000, 'open').unref()),
    ]);
    if (rest !== 'open') {
      const error = rest.find((message) => message.type === 'E');
      assert.match(String(fields(error).M ?? ''), /./, 'it is told why');
    }
    wire.socket.destroy();
    await allIsWell();
  }
  const verified = await sallyport.cli('auditor', 'audit', 'verify', '--json');
  assert.equal(verified.code, 0, verified.stderr);
});
