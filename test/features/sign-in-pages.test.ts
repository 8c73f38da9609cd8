// Passkeys as people use them: in a real Chromium with its virtual authenticator. Registered, signed in with, asked for
// in the middle of a request and of an approval, which then go on by themselves. And the pages that let a command
// line in.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { submitted } from '../../src/api/requests.ts';
import { startedDevice } from '../../src/api/sign-in.ts';
import { type Chromium, startChromium } from '../harness/browser.ts';
import { ROOT } from '../harness/checks.ts';
import {
  type Person,
  policiesInForce,
  publishPolicies,
  type Sallyport,
  startSallyport,
} from '../harness/sallyport.ts';
import { skipWithout } from '../harness/services.ts';

const BUILT = existsSync(join(ROOT, 'portal', 'dist', 'index.html'));
const skip = skipWithout('chromium') || (BUILT ? false : 'the portal is not built (npm test builds it)');
const NARROW = { viewport: { width: 360, height: 760 } } as const;
const refused = /status of 403 /;

const POLICY = `
@stepUp("passkey")
permit (principal in Group::"engineering", action in [Action::"request", Action::"autoApprove"], resource)
when { context.task == Task::"read-orders" };

@stepUp("passkey")
@approvals("1 of Group::\\"approvers\\"")
permit (principal in Group::"engineering", action == Action::"request", resource)
when { context.task == Task::"fix-orders" };
`;

describe('passkeys in Chromium', { skip }, () => {
  let sallyport: Sallyport;
  let chromium: Chromium;
  before(async () => {
    sallyport = await startSallyport();
    // By name: a passkey belongs to one.
    chromium = await startChromium(sallyport.server().replace('127.0.0.1', 'localhost'));
    const files = await policiesInForce(sallyport);
    await publishPolicies(sallyport, { ...files, 'step-up.cedar': POLICY });
  });
  after(async () => {
    await chromium?.[Symbol.asyncDispose]();
    await sallyport?.[Symbol.asyncDispose]();
  });
  afterEach(() => chromium.settle());

  const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name, exact: true });
  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click();

  /** A page whose browser has an authenticator that says yes. */
  async function visit(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await chromium.visit(options);
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    return page;
  }
  async function enter(person: Person, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await visit(options);
    await page.goto('/');
    await press(page, `Sign in as ${person}`);
    await heading(page, 'My access').waitFor();
    return page;
  }
  async function register(page: Page, name: string): Promise<void> {
    await page.goto('/my-sign-in');
    await page.getByLabel('Name of the new passkey').fill(name);
    await press(page, 'Register a passkey');
    await page.getByRole('button', { name: `Remove ${name}` }).waitFor();
  }

  test('registered, signed in with, and asked for before it is taken away', async () => {
    const page = await enter('auditor', NARROW);
    await register(page, 'phone');
    await press(page, 'More');
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await press(page, 'Sign in with a passkey');
    await heading(page, 'My access').waitFor();
    await page.goto('/my-sign-in');
    await page.getByText('You signed in with a passkey.').waitFor();
    await press(page, 'Remove phone');
    await page.getByText('None yet.').waitFor();
  });

  test('a request asks for it in the middle, and goes on by itself', async () => {
    chromium.forgive(refused);
    const page = await enter('engineer');
    const ask = async () => {
      await page.goto('/request?target=orders-db&task=read-orders');
      await page.getByLabel('Reason').fill('late orders');
      await press(page, 'Request access');
    };
    await ask();
    const dialog = page.getByRole('dialog', { name: 'Use your passkey' });
    await dialog.getByText('You have none yet.').waitFor();
    await dialog.getByRole('link', { name: 'Register a passkey' }).click();
    await heading(page, 'My sign-in').waitFor();
    await register(page, 'laptop');
    await ask();
    await dialog.getByText('Policy asks for your passkey here.').waitFor();
    await dialog.getByRole('button', { name: 'Use my passkey' }).click();
    await heading(page, 'read-orders on orders-db').waitFor();
    // Fresh now: nothing asks any more.
    await ask();
    await heading(page, 'read-orders on orders-db').waitFor();
    assert.equal(await dialog.count(), 0);
  });

  test('an approval asks for the approver’s own', async () => {
    chromium.forgive(refused);
    // Their passkey of the test before is in another browser: a link registers one here.
    const engineer = await visit();
    const { body } = await sallyport.call('admin', 'POST', '/api/principals/engineer/registration-link', {});
    const { url } = body as { url: string };
    await engineer.goto(url);
    await engineer.getByText('who signs in as engineer').waitFor();
    assert.equal(new URL(engineer.url()).hash, '', 'the code is out of the address');
    await engineer.getByLabel('Name of the passkey').fill('by link');
    await press(engineer, 'Register and sign in');
    await heading(engineer, 'My access').waitFor();
    await engineer.goto('/request?target=orders-db&task=fix-orders');
    await engineer.getByLabel('Reason').fill('order 1042 was paid twice');
    await press(engineer, 'Request access');
    await heading(engineer, 'fix-orders on orders-db').waitFor();
    const id = new URL(engineer.url()).pathname.split('/').at(-1) ?? '';

    const approver = await enter('approver');
    await register(approver, 'key');
    await approver.goto(`/requests/${id}`);
    await approver
      .getByRole('button', { name: /^Approve/ })
      .first()
      .click();
    const dialog = approver.getByRole('dialog', { name: 'Use your passkey' });
    await dialog.getByRole('button', { name: 'Use my passkey' }).click();
    await dialog.waitFor({ state: 'detached' });
    const { request } = await sallyport.ask('approver', 'GET', `/api/requests/${id}?wait=10`, submitted);
    assert.equal(request.state, 'approved');
  });

  test('the command line waits on this machine, and elsewhere: two pages let it in', async () => {
    const page = await enter('engineer');
    await using waiting = await listener();
    const asked = new URLSearchParams({
      challenge: 'c'.repeat(43),
      state: 's'.repeat(32),
      port: String(waiting.port),
      machine: 'laptop',
    });
    await page.goto(`/login/cli?${asked}`);
    await page.getByText('sally on laptop asks to act as Erin Engineer').waitFor();
    await press(page, 'Log it in');
    await page.waitForURL(/^http:\/\/127\.0\.0\.1:\d+\/\?code=/);
    assert.match(waiting.asked(), /^\/\?code=[A-Za-z0-9_-]{43}&state=s{32}$/);

    const begun = await sallyport.call(null, 'POST', '/api/device-logins', { machine: 'far away' });
    const { userCode } = startedDevice.parse(begun.body);
    await page.goto('/login/device');
    await page.getByLabel('Code').fill('BBBB-BBBB');
    await press(page, 'Show who waits');
    await page.getByText('No login waits behind this code.').waitFor();
    await page.getByLabel('Code').fill(userCode.toLowerCase());
    await press(page, 'Show who waits');
    await page.getByText('far away').waitFor();
    await press(page, 'Log it in');
    await page.getByText('far away is logged in.').waitFor();
    chromium.forgive(/status of 404 /);
  });

  /** Where a command line would wait: what it was asked last. */
  async function listener() {
    let last = '';
    const server = createServer((request, response) => {
      if (request.url !== '/favicon.ico') last = request.url ?? '';
      response.writeHead(200, { 'content-type': 'text/html' }).end('<link rel="icon" href="data:,">there');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return {
      port: typeof address === 'object' && address !== null ? address.port : 0,
      asked: () => last,
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }

  test('by another address than the one that passkeys belong to, the page says where', async () => {
    const page = await chromium.visit({ baseURL: sallyport.server() });
    await page.goto('/sign-in');
    const there = page.getByRole('link', { name: /^http:\/\/localhost:\d+$/ });
    await there.waitFor();
    assert.equal(await page.getByRole('button', { name: 'Sign in with a passkey' }).count(), 0);
    await there.click();
    await press(page, 'Sign in with a passkey').catch(() => undefined);
    assert.equal(new URL(page.url()).hostname, 'localhost');
  });
});
