// `sally login` without pasting a token: by a browser on the same machine and by a code, each driven to its end, and
// each misused: another's verifier, another's state, twice, late, guessed, out of a session that is over.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { issuedToken } from '../../src/api/people.ts';
import { startedDevice } from '../../src/api/sign-in.ts';
import { ROOT } from '../harness/checks.ts';
import { type PortalBrowser, portalBrowser } from '../harness/portal-browser.ts';
import { rawHttp } from '../harness/raw-http.ts';
import { type Person, runCli, type Sallyport, startSallyport } from '../harness/sallyport.ts';

const LIMIT_MS = 20_000;

describe('logging the command line in', () => {
  let sallyport: Sallyport;
  let store: pg.Client;
  before(async () => {
    sallyport = await startSallyport();
    store = new pg.Client({ connectionString: sallyport.storeUrl() });
    await store.connect();
  });
  after(async () => {
    await store?.end();
    await sallyport?.[Symbol.asyncDispose]();
  });
  let from = '';
  let addresses = 0;
  beforeEach(() => {
    from = `127.93.0.${++addresses}`;
  });

  async function signedIn(person: Person): Promise<PortalBrowser> {
    const browser = portalBrowser(sallyport.server(), from);
    assert.equal((await browser.post('/api/sign-in', { token: sallyport.token(person) })).status, 200);
    return browser;
  }
  const post = (path: string, body: unknown) =>
    rawHttp({ server: sallyport.server(), method: 'POST', path, body, from });
  const codeOf = (answer: { json: Record<string, unknown> | null }) => answer.json?.code;
  const who = async (token: string) =>
    (
      await rawHttp({
        server: sallyport.server(),
        path: '/api/me',
        from,
        headers: { authorization: `Bearer ${token}` },
      })
    ).json?.name;

  /** `sally …` that goes on while the test does something: what it says, and its end. */
  function startCli(args: string[], env: Record<string, string>) {
    const cli = spawn(process.execPath, [join(ROOT, 'src', 'cli', 'main.ts'), ...args], {
      env: { PATH: process.env.PATH, NO_COLOR: '1', SALLY_SERVER: sallyport.server(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    cli.stdout.on('data', (chunk) => (said += String(chunk)));
    cli.stderr.on('data', (chunk) => (said += String(chunk)));
    const ended = new Promise<number | null>((resolve) => cli.once('close', resolve));
    return {
      ended,
      said: () => said,
      async says(form: RegExp): Promise<string> {
        const until = Date.now() + LIMIT_MS;
        for (;;) {
          const found = form.exec(said)?.[1];
          if (found !== undefined) return found;
          assert.ok(Date.now() < until && cli.exitCode === null, `it did not say ${form}: ${said}`);
          await delay(25);
        }
      },
    };
  }

  const challengeOf = (verifier: string) => createHash('sha256').update(verifier).digest('base64url');
  const random = () => randomBytes(32).toString('base64url');
  /** Confirmed in the portal: the code that the browser brings. */
  async function confirmed(browser: PortalBrowser, verifier: string): Promise<string> {
    const answer = await browser.post('/api/cli-logins', {
      challenge: challengeOf(verifier),
      state: random(),
      port: 40_000,
      machine: 'laptop',
    });
    assert.equal(answer.status, 200, answer.text);
    return new URL(String(answer.json?.url)).searchParams.get('code') ?? '';
  }

  test('by the browser on this machine, from the command to whoami', async () => {
    const opened = join(sallyport.dataFolder, 'opened');
    const program = join(sallyport.dataFolder, 'browser');
    writeFileSync(
      program,
      `#!/bin/sh\nprintf '%s' "$1" > '${opened}.new' && mv '${opened}.new' '${opened}'\n`,
    );
    chmodSync(program, 0o755);
    const env = { HOME: join(sallyport.dataFolder, 'home'), BROWSER: program };
    const cli = startCli(['login', '--browser'], env);
    await cli.says(/(Confirm in the browser)/);
    const until = Date.now() + LIMIT_MS;
    while (!existsSync(opened)) {
      assert.ok(Date.now() < until, 'the browser is opened');
      await delay(25);
    }
    const asked = new URL(readFileSync(opened, 'utf8'));
    assert.equal(`${asked.origin}${asked.pathname}`, `${sallyport.server()}/login/cli`);
    const browser = await signedIn('engineer');
    const { challenge, state, port, machine } = Object.fromEntries(asked.searchParams);
    // Somebody who knocks with another state is sent away, and the login goes on.
    const knock = await fetch(`http://127.0.0.1:${port}/?code=${random()}&state=${random()}`);
    assert.equal(knock.status, 400);
    assert.equal((await fetch(`http://127.0.0.1:${port}/elsewhere`)).status, 400);
    const answer = await browser.post('/api/cli-logins', { challenge, state, port, machine });
    const back = String(answer.json?.url);
    assert.ok(back.startsWith(`http://127.0.0.1:${port}/?code=`), back);
    assert.equal((await fetch(back)).status, 200);
    assert.equal(await cli.ended, 0, cli.said());
    assert.match(cli.said(), /Logged in to .* as Erin Engineer/);
    const told = await runCli(['whoami', '--json'], { ...env, SALLY_SERVER: sallyport.server() });
    assert.equal(JSON.parse(told.stdout).name, 'engineer');
    const { rows } = await store.query(
      `select kind, round(extract(epoch from expires_at - now()) / 86400)::int as days from tokens where name = $1`,
      [`sally on ${machine}`],
    );
    assert.deepEqual(rows, [{ kind: 'api', days: 7 }]);
    const used = new URL(back).searchParams.get('code');
    assert.equal(
      codeOf(await post('/api/cli-logins/token', { code: used, verifier: random() })),
      'login-over',
    );
  });

  test('a code is redeemed once, in time, with the verifier of who began it', async () => {
    const browser = await signedIn('engineer');
    const verifier = random();
    const redeem = (code: string, with_ = verifier) =>
      post('/api/cli-logins/token', { code, verifier: with_ });
    const code = await confirmed(browser, verifier);
    const both = await Promise.all([redeem(code), redeem(code)]);
    assert.deepEqual(both.map((one) => one.status).sort(), [201, 403], 'one of two at once');
    const issued = issuedToken.parse(both.find((one) => one.status === 201)?.json);
    assert.equal(await who(issued.token), 'engineer');

    const stolen = await confirmed(browser, verifier);
    assert.equal(codeOf(await redeem(stolen, random())), 'login-over');
    assert.equal(codeOf(await redeem(stolen)), 'login-over', 'a wrong try ends it');
    assert.equal(codeOf(await redeem(random())), 'login-over');
    const late = await confirmed(browser, verifier);
    await store.query('update ceremonies set expires_at = now()');
    assert.equal(codeOf(await redeem(late)), 'login-over');
    const left = await confirmed(browser, verifier);
    await browser.post('/api/sign-out');
    assert.equal(codeOf(await redeem(left)), 'login-over', 'the session that said yes is over');
  });

  test('only a signed-in browser confirms, and only for a program on its own machine', async () => {
    const body = { challenge: challengeOf('x'), state: random(), port: 40_000, machine: 'laptop' };
    const bearer = await sallyport.call('engineer', 'POST', '/api/cli-logins', body);
    assert.equal((bearer.body as { code: string }).code, 'browser-only');
    assert.equal((await sallyport.call('deploy-bot', 'POST', '/api/cli-logins', body)).status, 403);
    const browser = await signedIn('engineer');
    for (const wrong of [
      { port: 22 },
      { port: 70_000 },
      { port: '80@evil.example' },
      { state: 'short' },
      { challenge: 'plain' },
      { machine: '<script>' },
    ]) {
      const answer = await browser.post('/api/cli-logins', { ...body, ...wrong });
      assert.equal(answer.status, 422, JSON.stringify(wrong));
    }
  });

  test('a passkey that was used in the browser counts for the command line from that moment', async () => {
    const browser = await signedIn('approver');
    const passkey = await browser.register();
    await browser.stepUp(passkey);
    const verifier = random();
    const code = await confirmed(browser, verifier);
    const { token } = issuedToken.parse((await post('/api/cli-logins/token', { code, verifier })).json);
    const { rows } = await store.query(
      `select count(distinct date_trunc('milliseconds', mfa_at))::int as moments, count(*)::int as tokens from tokens
       where mfa_at is not null and revoked_at is null`,
    );
    assert.deepEqual(rows, [{ moments: 1, tokens: 2 }]);
    assert.equal(await who(token), 'approver');
    await store.query(`delete from passkeys`);
  });

  test('by a code, from the command to whoami', async () => {
    const env = { HOME: join(sallyport.dataFolder, 'far') };
    const cli = startCli(['login', '--device', '--no-input'], env);
    const userCode = await cli.says(/enter the code (\S+)/);
    const browser = await signedIn('auditor');
    const typed = userCode.toLowerCase().replace('-', ' ');
    const look = await browser.post('/api/device-logins/look', { userCode: typed });
    assert.equal(look.status, 200, look.text);
    assert.equal(look.json?.address, '127.0.0.1');
    assert.equal(
      (await browser.post('/api/device-logins/decide', { userCode: typed, allow: true })).status,
      204,
    );
    assert.equal(await cli.ended, 0, cli.said());
    const told = await runCli(['whoami', '--json'], { ...env, SALLY_SERVER: sallyport.server() });
    assert.equal(JSON.parse(told.stdout).name, 'auditor');
  });

  const start = async () => startedDevice.parse((await post('/api/device-logins', { machine: 'far' })).json);
  const poll = (deviceCode: string) => post('/api/device-logins/token', { deviceCode });
  const patient = () => store.query(`update device_logins set polled_at = now() - interval '1 minute'`);

  test('asking waits, asking too fast waits longer, and the token comes once', async () => {
    const { deviceCode, userCode, intervalSeconds, url } = await start();
    assert.match(userCode, /^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    assert.equal(url, `${portalBrowser(sallyport.server()).origin}/login/device`);
    assert.equal(intervalSeconds, 5);
    assert.equal(codeOf(await poll(deviceCode)), 'authorization-pending');
    for (const wanted of [10, 15]) {
      const fast = await poll(deviceCode);
      assert.deepEqual([fast.status, codeOf(fast)], [429, 'slow-down']);
      assert.deepEqual(fast.json?.facts, { intervalSeconds: wanted });
    }
    const browser = await signedIn('auditor');
    await browser.post('/api/device-logins/decide', { userCode, allow: true });
    assert.equal(codeOf(await poll(deviceCode)), 'slow-down', 'also when the answer is there');
    await patient();
    const both = await Promise.all([poll(deviceCode), poll(deviceCode)]);
    const got = both.filter((one) => one.status === 201);
    assert.equal(got.length, 1, both.map((one) => one.text).join());
    assert.equal(await who(issuedToken.parse(got[0]?.json).token), 'auditor');
    assert.equal(codeOf(await poll(deviceCode)), 'login-expired');
    // A code that was decided on is no code any more.
    const again = await browser.post('/api/device-logins/look', { userCode });
    assert.equal(codeOf(again), 'unknown-code');
  });

  test('refused, too late, of a disabled person: no token', async () => {
    const browser = await signedIn('auditor');
    const refused = await start();
    await browser.post('/api/device-logins/decide', { userCode: refused.userCode, allow: false });
    assert.equal(codeOf(await poll(refused.deviceCode)), 'login-refused');
    const late = await start();
    await store.query(`update device_logins set expires_at = now()`);
    assert.equal(codeOf(await poll(late.deviceCode)), 'login-expired');
    assert.equal(
      codeOf(await browser.post('/api/device-logins/decide', { userCode: late.userCode, allow: true })),
      'unknown-code',
    );
    await sallyport.call('admin', 'POST', '/api/principals', { name: 'leaver', displayName: 'Lea Ver' });
    const made = await sallyport.call('admin', 'POST', '/api/principals/leaver/tokens', {});
    const leaver = portalBrowser(sallyport.server(), from);
    await leaver.post('/api/sign-in', { token: issuedToken.parse(made.body).token });
    const [allowed, other] = [await start(), await start()];
    for (const { userCode } of [allowed, other])
      await leaver.post('/api/device-logins/decide', { userCode, allow: true });
    await sallyport.call('admin', 'POST', '/api/principals/leaver/disable', { reason: 'left' });
    assert.equal(codeOf(await poll(allowed.deviceCode)), 'account-disabled');
    // Nor when they are let in again.
    const { status } = await sallyport.call('admin', 'POST', '/api/principals/leaver/enable', {
      reason: 'back',
    });
    assert.equal(status, 200);
    assert.equal(codeOf(await poll(other.deviceCode)), 'login-expired');
  });

  test('none comes after the session that allowed it was revoked', async () => {
    const browser = await signedIn('auditor');
    const { deviceCode, userCode } = await start();
    await browser.post('/api/device-logins/decide', { userCode, allow: true });
    const { body } = await sallyport.call('admin', 'GET', '/api/principals/auditor/tokens');
    const [session] = (body as { items: { id: string; kind: string; state: string }[] }).items.filter(
      ({ kind, state }) => kind === 'browser' && state === 'live',
    );
    const path = `/api/principals/auditor/tokens/${session?.id}/revoke`;
    assert.equal((await sallyport.call('admin', 'POST', path)).status, 200);
    await patient();
    assert.equal(codeOf(await poll(deviceCode)), 'login-expired');
  });

  test('codes are not found by trying, and nobody decides with an access token', async () => {
    const { userCode } = await start();
    const bearer = await sallyport.call('second-approver', 'POST', '/api/device-logins/decide', {
      userCode,
      allow: true,
    });
    assert.equal((bearer.body as { code: string }).code, 'browser-only');
    const browser = await signedIn('second-approver');
    for (let i = 0; i < 10; i++) {
      const path = i % 2 === 0 ? '/api/device-logins/look' : '/api/device-logins/decide';
      assert.equal(codeOf(await browser.post(path, { userCode: 'BBBB-BBBB', allow: true })), 'unknown-code');
    }
    for (const path of ['/api/device-logins/look', '/api/device-logins/decide']) {
      const answer = await browser.post(path, { userCode, allow: true });
      assert.equal(codeOf(answer), 'too-many-attempts', 'the right one comes too late now');
    }
    const other = await signedIn('auditor');
    assert.equal((await other.post('/api/device-logins/look', { userCode })).status, 200);
  });
});
