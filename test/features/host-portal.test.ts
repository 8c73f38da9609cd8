// Hosts in the portal, in a real Chromium against a real sshd: one is added by its form once its key was compared, and
// prepared by what the check prints; a session there is told in commands, files and connections, while it runs and
// after; a bundle's page shows the log of every grant.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { type Grant, grant as grantSchema, issuedCredential } from '../../src/api/grants.ts';
import { hostKeys } from '../../src/api/hosts.ts';
import { submitted } from '../../src/api/requests.ts';
import { session as sessionSchema } from '../../src/api/sessions.ts';
import { task as taskSchema } from '../../src/api/targets.ts';
import { pageOf } from '../../src/api/text.ts';
import { type Chromium, startChromium } from '../harness/browser.ts';
import { ROOT } from '../harness/checks.ts';
import { skipWithoutHost, startHost, type TestHost } from '../harness/host.ts';
import { type GatewayLogin, gatewayLogin, runClient } from '../harness/host-login.ts';
import {
  type Person,
  policiesInForce,
  publishPolicies,
  type Sallyport,
  startSallyport,
} from '../harness/sallyport.ts';
import { skipWithout } from '../harness/services.ts';

const BUILT = existsSync(join(ROOT, 'portal', 'dist', 'index.html'));
const skip =
  skipWithoutHost() ||
  skipWithout('chromium') ||
  (BUILT ? false : 'the portal is not built (npm test builds it)');
const LOOK_LIMIT_MS = 30_000;

let sallyport: Sallyport;
let host: TestHost;
let chromium: Chromium;
let echo: Server;
let folder: string;

async function enter(person: Person): Promise<Page> {
  const page = await chromium.visit();
  page.setDefaultTimeout(LOOK_LIMIT_MS);
  await page.goto('/');
  await page.getByRole('button', { name: `Sign in as ${person}`, exact: true }).click();
  await page.getByRole('heading', { level: 1, name: 'My access', exact: true }).waitFor();
  return page;
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const fact = (page: Page, name: string) =>
  page
    .locator('dl > div')
    .filter({ has: page.getByText(name, { exact: true }) })
    .locator('dd');

async function says(page: Page, name: string, wanted: string): Promise<void> {
  const until = Date.now() + LOOK_LIMIT_MS;
  for (;;) {
    const text = await fact(page, name).first().textContent();
    if (text === wanted) return;
    assert.ok(Date.now() < until, `${name} is ${text}, not ${wanted}`);
    await delay(200);
  }
}

async function gatewayOf(grant: Grant): Promise<GatewayLogin> {
  const path = `/api/grants/${grant.id}/credentials`;
  return gatewayLogin(folder, await sallyport.ask('engineer', 'POST', path, issuedCredential));
}

async function granted(): Promise<Grant> {
  const body = { target: 'web-1', task: 'web-work', duration: '10m', reason: 'a test of the portal' };
  const { grant } = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, body);
  assert.ok(grant?.state === 'active', JSON.stringify(grant));
  return grant;
}

async function sessionsOf(grant: Grant) {
  const path = `/api/sessions?grant=${grant.id}`;
  return (await sallyport.ask('auditor', 'GET', path, pageOf(sessionSchema))).items;
}

describe('hosts in the portal', { skip }, () => {
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-host-portal-'));
    // One after the other: what was started is stopped whichever of them fails.
    sallyport = await startSallyport();
    host = await startHost({ prepared: false });
    chromium = await startChromium(sallyport.server());
    echo = createServer((socket) => socket.on('error', () => undefined).end('twelve bytes'));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    await sallyport.ask('admin', 'POST', '/api/tasks', taskSchema, {
      ...{ name: 'web-work', kind: 'ssh', description: 'Work on web hosts.', segment: 'prod/web' },
      entitlement: {
        perGrant: true,
        shell: true,
        sftp: true,
        forward: [{ host: '127.0.0.1', port: portOf(echo) }],
      },
    });
    await publishPolicies(sallyport, {
      ...(await policiesInForce(sallyport)),
      'web.cedar': `@id("web") @description("Engineers work on web hosts at once.") @maxDuration("1h")
permit (principal in Group::"engineering", action in [Action::"request", Action::"autoApprove", Action::"connect"],
  resource in Segment::"prod/web");`,
    });
  });
  after(async () => {
    await chromium?.[Symbol.asyncDispose]();
    await sallyport?.[Symbol.asyncDispose]();
    await host?.stop();
    echo?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  afterEach(() => chromium.settle());

  test('a host is added by its form once its keys were compared, and is whole when what the check prints was pasted', async () => {
    const page = await enter('admin');
    await page.goto('/targets/new');
    await page.getByText('Host (SSH)').click();
    const fill = (name: string, value: string) =>
      page.getByRole('textbox', { name, exact: true }).fill(value);
    await fill('Name', 'web-1');
    await fill('Segment', 'prod/web');
    await fill('Host', '127.0.0.1');
    await fill('Port', '1');
    // Nobody listens there: the page says so, and nothing is pinned.
    chromium.forgive(/status of 422 /);
    await button(page, 'Ask for its keys').click();
    await page.getByRole('alert').waitFor();
    await fill('Port', String(host.port));
    await button(page, 'Add target').click();
    await page.getByText('Ask for its keys first.').waitFor();
    await button(page, 'Ask for its keys').click();
    const at = { host: '127.0.0.1', port: host.port };
    const { items } = await sallyport.ask('admin', 'POST', '/api/host-keys', hostKeys, at);
    const fingerprint = items[0]?.fingerprint ?? 'none';
    const shown = page.getByRole('list', { name: 'Keys that the host shows' });
    await shown.getByText(fingerprint).waitFor();
    await button(page, 'Add target').click();
    await page.getByText('Compare the keys with what the host itself says first.').waitFor();
    const compared = page.getByRole('checkbox', { name: /I have compared them/ });
    await compared.check();
    // Another port is another host: what was compared does not hold for it.
    await fill('Port', '2222');
    await shown.waitFor({ state: 'detached' });
    await fill('Port', String(host.port));
    await button(page, 'Ask for its keys').click();
    await shown.getByText(fingerprint).waitFor();
    assert.equal(await compared.isChecked(), false);
    await compared.check();
    await button(page, 'Add target').click();
    await page.getByRole('heading', { level: 1, name: 'web-1', exact: true }).waitFor();
    // It does not let Sallyport in yet: what to paste stands on the page, as the command line prints it.
    const failed = page.locator('li').filter({ has: page.getByText('connection', { exact: true }) });
    const fix = (await failed.locator('code').first().textContent()) ?? 'false';
    assert.match(fix, /TrustedUserCAKeys/);
    host.run(fix);
    await button(page, 'Check now').click();
    await page.getByText(/checks passed/).waitFor();
    await failed.filter({ has: page.getByRole('img', { name: 'Failed' }) }).waitFor({ state: 'detached' });
    assert.equal(await button(page, 'Change its login').count(), 0, 'a host has no password to change');
  });

  test('a session on a host is told in commands, files with size and hash, and connections, while it runs and after', async () => {
    const page = await enter('engineer');
    const grant = await granted();
    const { env, options, port, at } = await gatewayOf(grant);
    const shell = spawn('ssh', [...options, '-p', port, at], { stdio: ['pipe', 'pipe', 'pipe'], env });
    shell.stdin.on('error', () => undefined);
    const ended = new Promise<void>((resolve) => shell.once('close', () => resolve()));
    let out = '';
    shell.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    shell.stdin.write('echo it-"works"\n');
    const until = Date.now() + LOOK_LIMIT_MS;
    while (!out.includes('it-works')) {
      assert.ok(Date.now() < until, `the shell said only: ${out}`);
      await delay(50);
    }
    const [live] = await sessionsOf(grant);
    assert.ok(live?.live === true);
    await page.goto(`/sessions/${live.id}`);
    const watched = page.getByRole('region', { name: 'As it happens' });
    await watched.getByText('from the host a second').waitFor();
    await watched.getByText('to the host a second').waitFor();
    await page.getByRole('list', { name: 'Open now' }).getByText('shell').waitFor();
    const commands = page.getByRole('list', { name: 'Commands' }).getByRole('listitem');
    await commands.first().waitFor();
    assert.equal(await commands.count(), 1, 'what runs is there once');
    await says(page, 'Commands', '1');
    assert.equal(await page.getByText('Rows read').count(), 0);
    assert.equal(await page.getByText(/^statements? a second/).count(), 0);
    shell.stdin.end('exit 0\n');
    await ended;

    const content = `${'a line of a file\n'.repeat(4_000)}`;
    writeFileSync(join(folder, 'report.txt'), content);
    const sftp = await runClient(
      'sftp',
      [...options, '-P', port, at],
      `put ${join(folder, 'report.txt')} report.txt\nget report.txt ${join(folder, 'back.txt')}\nbye\n`,
      env,
    );
    assert.equal(sftp.code, 0, sftp.err);
    const forwarded = await runClient(
      'ssh',
      [...options, '-p', port, '-W', `127.0.0.1:${portOf(echo)}`, at],
      '',
      env,
    );
    assert.equal(forwarded.out, 'twelve bytes', forwarded.err);

    let over = await sessionsOf(grant);
    while (over.length < 3 || over.some((one) => one.live)) {
      assert.ok(Date.now() < until + LOOK_LIMIT_MS, 'the sessions did not end');
      await delay(100);
      over = await sessionsOf(grant);
    }
    const [forward, files, first] = over;
    assert.deepEqual(
      over.map((one) => [one.commands, one.files, one.connections]),
      [
        [0, 0, 1],
        [0, 2, 0],
        [1, 0, 0],
      ],
    );
    assert.ok((files?.bytesRead ?? 0) >= content.length && (files?.bytesWritten ?? 0) >= content.length);
    await page.goto('/sessions?show=ended');
    await page.getByText('2 files').waitFor();
    await page.goto(`/sessions/${files?.id}`);
    await says(page, 'Files copied', '2');
    const listed = page.getByRole('list', { name: 'Files' });
    const hash = createHash('sha256').update(content).digest('hex');
    for (const way of ['To the host', 'From the host']) {
      const line = listed.getByRole('listitem').filter({ hasText: way });
      await line.getByText('68 kB').waitFor();
      await line.getByText(hash).waitFor();
      await line.getByText('report.txt').waitFor();
    }
    await page.goto(`/sessions/${forward?.id}`);
    await says(page, 'Forwarded connections', '1');
    await page
      .getByRole('list', { name: 'Forwarded connections' })
      .getByText(`127.0.0.1:${portOf(echo)}`)
      .waitFor();
    await page.goto(`/sessions/${first?.id}`);
    await page.getByRole('list', { name: 'Commands' }).getByText('a shell').waitFor();
    const cli = await sallyport.cli('engineer', 'session', files?.id ?? '');
    assert.match(cli.stdout, /0 commands, 2 files copied, 0 forwarded connections/);
  });

  test('the page of a bundle shows the log of every grant in it', async () => {
    const bundle = {
      ...{ duration: '5m', reason: 'both at once' },
      members: [
        { target: 'orders-db', task: 'read-orders' },
        { target: 'web-1', task: 'web-work' },
      ],
    };
    const asked = await sallyport.ask('engineer', 'POST', '/api/bundles?wait=20', submitted, bundle);
    assert.equal(asked.grants?.length, 2, JSON.stringify(asked));
    for (const { id } of asked.grants ?? [])
      await sallyport.ask('engineer', 'POST', `/api/grants/${id}/done?wait=20`, grantSchema);
    const page = await enter('auditor');
    await page.goto(`/requests/${asked.request.id}`);
    const log = page.getByRole('list', { name: 'Entries of the log' });
    for (const { login } of asked.grants ?? []) await log.getByText(`the login ${login} is absent`).waitFor();
  });
});

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
