// Signing in at a real OpenID provider: who comes in, as whom, with which groups; what a forged, replayed, foreign or
// late answer gets; and what remains when the provider is away.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { generateKeyPair, SignJWT } from 'jose';
import pg from 'pg';
import { signInOptions } from '../../src/api/sign-in.ts';
import { startChromium } from '../harness/browser.ts';
import { ROOT } from '../harness/checks.ts';
import { type MainProcess, runMain } from '../harness/main-process.ts';
import { freePort, startOidcProvider, type TestProvider } from '../harness/oidc.ts';
import { type RawAnswer, rawHttp } from '../harness/raw-http.ts';
import { embeddedStoreUrl } from '../harness/sallyport.ts';
import { skipWithout } from '../harness/services.ts';

const BUILT = existsSync(join(ROOT, 'portal', 'dist', 'index.html'));
const skip = skipWithout('chromium') || (BUILT ? false : 'the portal is not built (npm test builds it)');
const SECRET = 'a secret of the test';

describe('signing in at a provider', () => {
  let folder: string;
  let program: MainProcess;
  let provider: TestProvider;
  let store: pg.Client;
  let own: string;
  const adminToken = `sally_${randomBytes(32).toString('base64url')}`;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-oidc-'));
    const port = await freePort();
    own = `http://localhost:${port}`;
    provider = await startOidcProvider({
      id: 'sallyport',
      secret: SECRET,
      redirectUri: `${own}/api/sign-in/oidc/callback`,
      afterSignOut: `${own}/sign-in`,
    });
    writeFileSync(
      join(folder, 'sallyport.yaml'),
      `installation: { name: oidc }
http: { publicUrl: "${own}" }
signIn:
  oidc:
    name: Test ID
    issuer: ${provider.issuer}
    clientId: sallyport
    clientSecret: env:OIDC_SECRET
    scopes: [openid, profile, groups]
    claims: { accountType: employee_type, title: title }
    groups: { id-dba: dba, id-eng: engineering }
    allowedGroups: [id-staff]
    unknownPeople: create
firstAdministrator:
  name: root
  displayName: Root
  tokenHash: ${createHash('sha256').update(adminToken).digest('hex')}
`,
    );
    program = runMain(
      { SALLY_DATA: join(folder, 'data'), SALLY_HTTP_PORT: String(port), OIDC_SECRET: SECRET },
      folder,
    );
    await program.ready();
    store = new pg.Client({ connectionString: embeddedStoreUrl(join(folder, 'data')) });
    await store.connect();
  });
  after(async () => {
    await store?.end();
    await program?.[Symbol.asyncDispose]();
    await provider?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  // Failures are counted by address: each test has its own.
  let from = '';
  let addresses = 0;
  const nextAddress = () => `127.90.0.${++addresses}`;
  beforeEach(() => {
    from = nextAddress();
    provider.forge = null;
  });

  const call = (
    method: string,
    path: string,
    more: { body?: unknown; cookie?: string; bearer?: string } = {},
  ) =>
    rawHttp({
      server: own.replace('localhost', '127.0.0.1'),
      method,
      path,
      from,
      ...(method === 'POST' ? { body: more.body ?? {} } : {}),
      headers: {
        host: new URL(own).host,
        ...(method === 'POST' ? { origin: own } : {}),
        ...(more.cookie === undefined ? {} : { cookie: more.cookie }),
        ...(more.bearer === undefined ? {} : { authorization: `Bearer ${more.bearer}` }),
      },
    });
  const cookieOf = (answer: RawAnswer, name: string): string => {
    const found = (answer.headers['set-cookie'] ?? []).find((one) => one.startsWith(`${name}=`));
    return found === undefined || found.startsWith(`${name}=;`) ? '' : found.slice(0, found.indexOf(';'));
  };

  /** From the button to the address that the provider sends back to. */
  async function toTheProvider(as: string | null, cookie?: string, begin = '/api/sign-in/oidc') {
    const begun = await call('POST', begin, {
      body: { next: '/request' },
      ...(cookie === undefined ? {} : { cookie }),
    });
    assert.equal(begun.status, 200, begun.text);
    const raw = String(begun.headers['set-cookie']);
    assert.match(raw, /HttpOnly/i);
    assert.match(raw, /SameSite=Lax/i);
    provider.signsIn = as;
    const back = await provider.visit(String(begun.json?.url));
    return { back: new URL(back), browser: cookieOf(begun, 'sallyport-oidc') };
  }
  const comeBack = (back: URL, browser: string, session = '') =>
    call('GET', `${back.pathname}${back.search}`, { cookie: [browser, session].filter(Boolean).join('; ') });

  async function signIn(as: string, session?: string): Promise<{ answer: RawAnswer; session: string }> {
    const { back, browser } = await toTheProvider(as, session);
    // The session's cookie is strict: coming from another site, the browser does not send it.
    const answer = await comeBack(back, browser);
    return { answer, session: cookieOf(answer, 'sallyport') };
  }
  const me = (cookie: string) => call('GET', '/api/me', { cookie });
  const entries = async (kind: string) =>
    (
      await store.query(
        `select leaf::jsonb as leaf from audit_entries where kind = $1 and leaf::jsonb ->> 'sourceAddress' = $2 order by seq`,
        [kind, from],
      )
    ).rows.map((row) => row.leaf);
  async function refused(answer: RawAnswer, code: string): Promise<void> {
    assert.equal(answer.status, 303, answer.text);
    assert.equal(answer.headers.location, `/sign-in?failed=${code}`);
    assert.equal(cookieOf(answer, 'sallyport'), '', 'nobody is signed in');
    const noted = await entries('sign-in.failed');
    assert.equal(noted.at(-1)?.detail.code, code);
    assert.equal(noted.at(-1)?.detail.how, 'oidc');
  }

  const ADA = {
    name: 'Ada Lovelace',
    preferred_username: 'Ada',
    title: 'Analyst',
    employee_type: 'Contractor',
    groups: ['id-staff', 'id-dba', 'administrators'],
  };

  test('somebody new comes in with what the claims say, and later sign-ins follow them', async () => {
    provider.people.set('sub-ada', ADA);
    const first = await signIn('sub-ada');
    assert.equal(first.answer.headers.location, '/request');
    const told = (await me(first.session)).json;
    assert.deepEqual(
      [told?.name, told?.displayName, told?.groups, told?.rights],
      ['ada', 'Ada Lovelace', ['dba'], []],
      'a group that nobody mapped is not taken over, whatever it is called',
    );
    await store.query(
      `insert into memberships select g.id, p.id from groups g, principals p where g.name = 'dba' and p.name = 'ada'`,
    );
    provider.people.set('sub-ada', { ...ADA, title: 'Countess', groups: ['id-staff', 'id-eng'] });
    const second = await signIn('sub-ada', first.session);
    assert.deepEqual((await me(second.session)).json?.groups, ['dba', 'engineering'], 'local groups stay');
    assert.equal((await me(first.session)).status, 401, 'the session before is over');
    const [followed] = (await entries('principal.followed')).slice(-1);
    assert.deepEqual(
      [followed.detail.joined, followed.detail.left, followed.detail.title],
      [['engineering'], ['dba'], 'Countess'],
    );
    const { rows } = await store.query(`select account_type, title from principals where name = 'ada'`);
    assert.deepEqual(rows, [{ account_type: 'contractor', title: 'Countess' }]);
    assert.equal((await entries('sign-in')).at(-1)?.detail.how, 'oidc');
  });

  test('the subject alone says who it is: not the name, not the e-mail', async () => {
    provider.people.set('sub-other', { ...ADA, email: 'ada@example.com' });
    const { back, browser } = await toTheProvider('sub-other');
    await refused(await comeBack(back, browser), 'name-taken');
    provider.people.set('sub-root', { ...ADA, preferred_username: 'root' });
    const root = await toTheProvider('sub-root');
    await refused(await comeBack(root.back, root.browser), 'name-taken');
    provider.people.set('sub-ada', { ...ADA, preferred_username: 'root', name: 'Somebody Else' });
    const renamed = await signIn('sub-ada');
    assert.equal((await me(renamed.session)).json?.name, 'ada');
  });

  test('who is in no allowed group, or whom the provider refuses, stays outside', async () => {
    provider.people.set('sub-out', { ...ADA, preferred_username: 'outsider', groups: ['id-dba'] });
    const out = await toTheProvider('sub-out');
    await refused(await comeBack(out.back, out.browser), 'not-allowed');
    const no = await toTheProvider(null);
    await refused(await comeBack(no.back, no.browser), 'provider-refused');
  });

  test('a disabled person is refused, and their sessions are over', async () => {
    provider.people.set('sub-leaver', { ...ADA, preferred_username: 'leaver' });
    const { session } = await signIn('sub-leaver');
    assert.equal((await me(session)).status, 200);
    const done = await call('POST', '/api/principals/leaver/disable', {
      bearer: adminToken,
      body: { reason: 'left' },
    });
    assert.equal(done.status, 200, done.text);
    assert.equal((await me(session)).status, 401);
    const again = await toTheProvider('sub-leaver');
    await refused(await comeBack(again.back, again.browser), 'account-disabled');
    assert.equal((await entries('sign-in.failed')).at(-1)?.actor.name, 'leaver');
  });

  test('an answer is good once, in one browser, and only as it was sent', async () => {
    provider.people.set('sub-ada', ADA);
    const used = await toTheProvider('sub-ada');
    assert.equal((await comeBack(used.back, used.browser)).headers.location, '/request');
    await refused(await comeBack(used.back, used.browser), 'sign-in-over');

    const stolen = await toTheProvider('sub-ada');
    await refused(await comeBack(stolen.back, ''), 'sign-in-over');
    const thief = await toTheProvider('sub-ada');
    await refused(await comeBack(stolen.back, thief.browser), 'answer-refused');

    for (const change of [
      (url: URL) => url.searchParams.set('state', 'another'),
      (url: URL) => url.searchParams.delete('state'),
      (url: URL) => url.searchParams.set('code', 'another'),
      (url: URL) => url.searchParams.delete('code'),
      (url: URL) => url.searchParams.set('iss', 'http://evil.example'),
      (url: URL) => url.searchParams.append('state', 'twice'),
    ]) {
      from = nextAddress();
      const { back, browser } = await toTheProvider('sub-ada');
      change(back);
      await refused(await comeBack(back, browser), 'answer-refused');
    }
    from = nextAddress();
    const late = await toTheProvider('sub-ada');
    await store.query("update ceremonies set expires_at = now() where kind = 'oidc'");
    await refused(await comeBack(late.back, late.browser), 'sign-in-over');
  });

  test('forged ID tokens are refused: signature, algorithm, audience, issuer, time, nonce', async () => {
    provider.people.set('sub-ada', ADA);
    const { privateKey } = await generateKeyPair('RS256');
    const text = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    const forgeries: NonNullable<TestProvider['forge']>[] = [
      (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k1' }).sign(privateKey),
      async (claims) => `${text({ alg: 'none' })}.${text(claims)}.`,
      async (claims) => `${text({ alg: 'none', kid: 'k1' })}.${text(claims)}.${'A'.repeat(43)}`,
      (claims) =>
        new SignJWT(claims)
          .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
          .sign(new TextEncoder().encode(SECRET)),
      (claims) => provider.sign({ ...claims, aud: 'another-client' }),
      (claims) => provider.sign({ ...claims, iss: 'http://evil.example' }),
      (claims) => provider.sign({ ...claims, exp: now - 3600, iat: now - 7200 }),
      (claims) => provider.sign({ ...claims, nonce: 'another' }),
      ({ nonce: _, ...claims }) => provider.sign(claims),
      ({ sub: _, ...claims }) => provider.sign(claims),
    ];
    for (const forge of forgeries) {
      from = nextAddress();
      const { back, browser } = await toTheProvider('sub-ada');
      provider.forge = forge;
      await refused(await comeBack(back, browser), 'answer-refused');
      assert.match((await entries('sign-in.failed')).at(-1)?.detail.why, /^[A-Z_]+$/, 'the log says why');
      provider.forge = null;
    }
    const { session } = await signIn('sub-ada');
    assert.equal((await me(session)).status, 200, 'the true one is believed');
  });

  test('who has an account links it with theirs at the provider, once', async () => {
    const typed = await call('POST', '/api/sign-in', { body: { token: adminToken } });
    const session = cookieOf(typed, 'sallyport');
    provider.people.set('sub-boss', { ...ADA, preferred_username: 'boss' });
    const { back, browser } = await toTheProvider('sub-boss', session, '/api/my-sign-in/oidc');
    assert.equal((await comeBack(back, browser)).headers.location, '/request');
    const mine = await call('GET', '/api/my-sign-in', { cookie: session });
    assert.deepEqual(mine.json?.provider, { name: 'Test ID', linked: true });
    const later = await signIn('sub-boss');
    assert.equal((await me(later.session)).json?.name, 'root');
    // Another's account at the provider is not taken away from them.
    const other = await toTheProvider('sub-ada', session, '/api/my-sign-in/oidc');
    await refused(await comeBack(other.back, other.browser), 'identity-taken');
    // And a link that was begun in a session that has ended since links nobody.
    const begun = await toTheProvider('sub-boss', session, '/api/my-sign-in/oidc');
    await call('POST', '/api/sign-out', { cookie: session });
    await refused(await comeBack(begun.back, begun.browser), 'sign-in-over');
    // An access token is no browser.
    const bearer = await call('POST', '/api/my-sign-in/oidc', { bearer: adminToken });
    assert.equal(bearer.json?.code, 'browser-only');
  });

  test('signing out ends the session here, and says where it ends at the provider', async () => {
    provider.people.set('sub-ada', ADA);
    const { session } = await signIn('sub-ada');
    const mine = await call('GET', '/api/my-sign-in', { cookie: session });
    const out = new URL(String(mine.json?.providerSignOut));
    assert.equal(out.origin, provider.issuer);
    assert.equal(out.searchParams.get('post_logout_redirect_uri'), `${own}/sign-in`);
    assert.equal((await call('POST', '/api/sign-out', { cookie: session })).status, 204);
    assert.equal((await me(session)).status, 401);
  });

  test('other sites begin nothing, and another address of this server is told the right one', async () => {
    const server = own.replace('localhost', '127.0.0.1');
    for (const origin of ['http://evil.example', 'null', server]) {
      const answer = await rawHttp({
        server,
        method: 'POST',
        path: '/api/sign-in/oidc',
        headers: { host: new URL(own).host, origin },
        body: {},
      });
      assert.equal(answer.json?.code, 'cross-site', origin);
    }
    const other = await rawHttp({
      server,
      method: 'POST',
      path: '/api/sign-in/oidc',
      headers: { origin: server },
      body: {},
    });
    assert.equal(other.json?.code, 'other-address');
    for (const next of [
      'https://evil.example',
      '//evil.example',
      '/\\evil.example',
      '/\t/evil.example',
      '',
    ]) {
      assert.equal((await call('POST', '/api/sign-in/oidc', { body: { next } })).status, 422, next);
    }
  });

  test('in a real browser: there and back, signed in, and signed out at both', { skip }, async () => {
    provider.people.set('sub-ada', ADA);
    provider.signsIn = 'sub-ada';
    await using chromium = await startChromium(own);
    const page = await chromium.visit();
    await page.goto('/targets');
    await page.getByRole('button', { name: 'Sign in with Test ID' }).click();
    await page.getByRole('heading', { level: 1, name: 'Targets' }).waitFor();
    await page.getByText('Ada Lovelace').waitFor();
    await page.reload();
    await page.getByText('Ada Lovelace').waitFor();
    const cookies = await page.context().cookies(own);
    assert.deepEqual(
      cookies.map((one) => [one.name, one.sameSite, one.httpOnly]),
      [['sallyport', 'Strict', true]],
      'the cookie of the way there is gone',
    );
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(`${provider.issuer}/session/end?**`);
    await page.goto(`${own}/`);
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
    await page.goto(`${own}/sign-in?failed=account-disabled`);
    await page.getByText('This account is disabled.').waitFor();
  });

  test('the provider away: who is signed in goes on, the page says so, and it comes back by itself', async () => {
    provider.people.set('sub-ada', ADA);
    const { session } = await signIn('sub-ada');
    const under = await toTheProvider('sub-ada');
    await provider.down();
    await refused(await comeBack(under.back, under.browser), 'provider-unreachable');
    assert.equal((await me(session)).status, 200);
    // What was known of it is believed for half a minute; the process starts anew instead of waiting.
    await restart();
    const options = await call('GET', '/api/sign-in/options');
    assert.deepEqual(options.json?.oidc, { name: 'Test ID', reachable: false });
    const begun = await call('POST', '/api/sign-in/oidc', {});
    assert.deepEqual([begun.status, begun.json?.code], [503, 'provider-unreachable']);
    assert.equal((await me(session)).status, 200);
    const typed = await call('POST', '/api/sign-in', { body: { token: adminToken } });
    assert.equal(typed.status, 200, 'the other ways go on');
    await provider.up();
    const until = Date.now() + 20_000;
    for (;;) {
      const { json } = await call('GET', '/api/sign-in/options');
      if (signInOptions.parse(json).oidc?.reachable === true) break;
      assert.ok(Date.now() < until, 'it is found again');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal((await me((await signIn('sub-ada')).session)).status, 200);
  });

  async function restart(): Promise<void> {
    await store.end();
    const port = new URL(own).port;
    program.kill('SIGTERM');
    await program.ended;
    program = runMain(
      { SALLY_DATA: join(folder, 'data'), SALLY_HTTP_PORT: port, OIDC_SECRET: SECRET },
      folder,
    );
    await program.ready();
    store = new pg.Client({ connectionString: embeddedStoreUrl(join(folder, 'data')) });
    await store.connect();
  }

  test('the log of this says what failed, not too often, and never a token', async () => {
    for (let i = 0; i < 12; i++) {
      const answer = await call('GET', '/api/me', {
        bearer: `sally_${randomBytes(32).toString('base64url')}`,
      });
      assert.equal(answer.status, 401);
    }
    const noted = await entries('sign-in.failed');
    assert.equal(noted.length, 5, 'a few of each address');
    assert.ok(noted.every((leaf) => leaf.detail.how === 'token' && leaf.actor.kind === 'unknown'));
    const { rows } = await store.query(
      `select count(*)::int as n from audit_entries where leaf like '%sally\\_%'`,
    );
    assert.deepEqual(rows, [{ n: 0 }]);
  });
});
