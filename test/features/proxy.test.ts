// `sally proxy` as tools see it: one address that stays, behind which access is asked for, waited for, refused, lost
// and found again; with psql and node-postgres, through a real gateway.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { z } from 'zod';
import { type Grant, grant as grantSchema } from '../../src/api/grants.ts';
import { type Request, request as requestSchema } from '../../src/api/requests.ts';
import { ROOT } from '../harness/checks.ts';
import { childEnvironment } from '../harness/child-environment.ts';
import { type Sallyport, startSallyport } from '../harness/sallyport.ts';
import { services, skipWithout } from '../harness/services.ts';

let sallyport: Sallyport;
const running = new Set<ChildProcess>();
before(async () => {
  sallyport = await startSallyport();
});
after(async () => {
  for (const child of running) child.kill('SIGKILL');
  await sallyport[Symbol.asyncDispose]();
});

interface RunningProxy {
  dsn: string;
  port: number;
  said(): string;
  /** Ctrl-C, and its exit code. */
  end(): Promise<number | null>;
}

function runProxy(...args: string[]): Promise<RunningProxy> {
  const child = spawn(
    process.execPath,
    [join(ROOT, 'src', 'cli', 'main.ts'), 'proxy', 'orders-db', ...args],
    {
      env: {
        ...childEnvironment(),
        HOME: sallyport.dataFolder,
        XDG_CONFIG_HOME: join(sallyport.dataFolder, 'config'),
        SALLY_SERVER: sallyport.server(),
        SALLY_TOKEN: sallyport.token('engineer'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  running.add(child);
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  void closed.then(() => running.delete(child));
  let [stdout, stderr] = ['', ''];
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (!stdout.includes('\n')) return;
      const dsn = stdout.trim();
      resolve({
        dsn,
        port: Number(new URL(dsn).port),
        said: () => stderr,
        end() {
          child.kill('SIGINT');
          return closed;
        },
      });
    });
    void closed.then((code) => reject(new Error(`exit code ${code}: ${stderr}`)));
  });
}

async function open(dsn: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: dsn });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** The engineer's requests for a task, newest first. */
async function requests(task: string): Promise<Request[]> {
  const page = z.object({ items: z.array(requestSchema) });
  const { items } = await sallyport.ask('engineer', 'GET', '/api/requests?view=mine', page);
  return items.filter((item) => item.task.name === task);
}

async function grants(task: string): Promise<Grant[]> {
  const page = z.object({ items: z.array(grantSchema) });
  const { items } = await sallyport.ask('engineer', 'GET', '/api/grants?view=mine', page);
  return items.filter((item) => item.task === task);
}

async function eventually<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const givesUpAt = Date.now() + 60_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > givesUpAt) throw new Error('it never came');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const pending = (task: string) =>
  eventually(async () => (await requests(task)).find((one) => one.state === 'pending'));

test('access is waited for once, used again, lost under an open client, asked for anew, and given back', async () => {
  const proxy = await runProxy('--task', 'fix-orders', '--reason', 'late orders', '--for', '20m', '--done');
  const config = join(sallyport.dataFolder, 'config', 'sallyport', 'proxies.json');
  assert.equal(statSync(config).mode & 0o777, 0o600);

  // Two at once make one request.
  const notices: string[] = [];
  const waiter = new pg.Client({ connectionString: proxy.dsn });
  waiter.on('error', () => undefined);
  waiter.on('notice', (notice) => notices.push(notice.message ?? ''));
  const coming = [waiter.connect(), open(proxy.dsn)] as const;
  const { id } = await pending('fix-orders');
  await eventually(() => (notices.length > 0 ? true : undefined));
  assert.match(notices[0] ?? '', new RegExp(`Waiting for approval of "fix-orders".*/requests/${id}$`));
  assert.equal((await sallyport.call('approver', 'POST', `/api/requests/${id}/approve`, {})).status, 200);
  const [, second] = await Promise.all(coming);
  assert.equal((await requests('fix-orders')).length, 1);
  for (const client of [waiter, second])
    assert.equal((await client.query('select count(*)::int as n from orders')).rows[0].n, 120_000);
  await second.end();

  // A statement is cancelled by the key that went through.
  const slow = waiter.query('select pg_sleep(60)');
  const timer = setInterval(() => cancel(proxy.port, waiter), 300);
  await assert.rejects(slow, { code: '57014' });
  clearInterval(timer);

  // Ended under an open client: told why; the next connection asks again.
  const [held] = await grants('fix-orders');
  const lost = new Promise<Error>((resolve) => waiter.once('error', resolve));
  assert.equal(
    (await sallyport.call('admin', 'POST', `/api/grants/${held?.id}/revoke`, { reason: 'enough' })).status,
    200,
  );
  assert.match((await lost).message, /enough|ended|revoked/);
  const refused = open(proxy.dsn);
  refused.catch(() => undefined);
  const again = await pending('fix-orders');
  assert.notEqual(again.id, id);
  await sallyport.call('approver', 'POST', `/api/requests/${again.id}/deny`, { reason: 'not twice today' });
  await assert.rejects(refused, (error: pg.DatabaseError) => {
    assert.equal(error.code, '28000');
    assert.match(error.message, /is denied: Denied by .*not twice today/);
    assert.match(error.hint ?? '', new RegExp(`/requests/${again.id}`));
    return true;
  });

  // A third time, with success; what was got is given back at the end.
  const third = open(proxy.dsn);
  const { id: last } = await pending('fix-orders');
  await sallyport.call('approver', 'POST', `/api/requests/${last}/approve`, {});
  await (await third).query('select 1');
  assert.equal(await proxy.end(), 0);
  assert.deepEqual([...new Set((await grants('fix-orders')).map((grant) => grant.state))], ['revoked']);
});

function cancel(port: number, client: pg.Client): void {
  const canceller = new pg.Client({ host: '127.0.0.1', port });
  if (!('cancel' in canceller) || typeof canceller.cancel !== 'function') throw new Error('no cancel');
  canceller.cancel(client, Reflect.get(client, '_activeQuery') ?? Reflect.get(client, 'activeQuery'));
}

test('psql, a live grant, and the same address after a restart', { skip: skipWithout('psql') }, async () => {
  const proxy = await runProxy('--task', 'read-orders', '--reason', 'daily count');
  const first = await psql(proxy.dsn);
  assert.deepEqual([first.code, first.stdout.trim()], [0, '120000'], first.stderr);
  const wrong = await psql(proxy.dsn.replace(/:[^:@]+@/, ':wrong@'));
  assert.match(wrong.stderr, /password authentication failed for user "sally"[\s\S]*sally proxy/);
  const other = await psql(proxy.dsn.replace('sally:', 'postgres:'));
  assert.match(other.stderr, /password authentication failed for user "postgres"/);
  const elsewhere = await psql(proxy.dsn.replace('/?', '/postgres?'));
  assert.match(elsewhere.stderr, /for the database "orders" only/);
  assert.equal(await proxy.end(), 0);

  // Without --done the grant stays, and the next proxy uses it: no second request.
  const later = await runProxy('--task', 'read-orders', '--reason', 'daily count');
  assert.equal(later.dsn, proxy.dsn);
  assert.equal((await psql(later.dsn)).stdout.trim(), '120000');
  assert.equal((await requests('read-orders')).length, 1);
  await assert.rejects(runProxy('--task', 'read-orders', '--port', String(later.port)), /is taken/);
  for (const { id } of await grants('read-orders'))
    await sallyport.call('engineer', 'POST', `/api/grants/${id}/done?wait=20`, {});
  await later.end();

  // Nobody to ask for a reason: the portal's link, and what is granted there is found.
  const silent = await runProxy('--task', 'read-orders');
  const waiting = psql(silent.dsn);
  await eventually(() => (silent.said().includes('/request?target=orders-db') ? true : undefined));
  const body = { target: 'orders-db', task: 'read-orders', duration: '10m', reason: 'asked in the portal' };
  assert.equal((await sallyport.call('engineer', 'POST', '/api/requests', body)).status, 201);
  const { stdout, stderr } = await waiting;
  assert.equal(stdout.trim(), '120000', stderr);
  assert.match(stderr, /NOTICE: {2}Access to orders-db has to be asked for, with a reason: http/);
  await silent.end();
});

test('what is no client is turned away, and a client that waits too long is told where to look', async () => {
  const proxy = await runProxy('--task', 'change-schema', '--reason', 'a column', '--timeout', '2s');
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from([0x16, 3, 1, 0, 200]),
    Buffer.from([0, 0, 0, 9, 0, 3, 0, 0, 0x75]),
    Buffer.from([0x7f, 0xff, 0xff, 0xff]),
  ]) {
    const socket = connect(proxy.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end(bytes);
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
  }
  await assert.rejects(open(proxy.dsn), (error: pg.DatabaseError) => {
    assert.equal(error.code, '57P03');
    assert.match(error.hint ?? '', /\/requests\/req_/);
    return true;
  });
  await proxy.end();
});

function psql(dsn: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(services.psql ?? '', ['-X', '-A', '-t', '-c', 'select count(*) from orders', dsn], {
    env: { ...childEnvironment(), LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}
