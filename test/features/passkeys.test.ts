// Passkeys, against an authenticator that lies: registered, used to sign in, removed; each answer once, in one browser,
// on our own page; a session that was copied adds none; a link registers one person, once.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import pg from 'pg';
import { issuedToken } from '../../src/api/people.ts';
import { mySignIn } from '../../src/api/sign-in.ts';
import { type Lies, testPasskey } from '../harness/passkey.ts';
import { type PortalBrowser, portalBrowser } from '../harness/portal-browser.ts';
import { rawHttp } from '../harness/raw-http.ts';
import { type Person, type Sallyport, startSallyport } from '../harness/sallyport.ts';

describe('passkeys', () => {
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

  // Failures are counted by address.
  let from = '';
  let addresses = 0;
  const nextAddress = () => `127.92.0.${++addresses}`;
  beforeEach(() => {
    from = nextAddress();
  });
  const visit = (): PortalBrowser => portalBrowser(sallyport.server(), from);
  async function signedIn(person: Person): Promise<PortalBrowser> {
    const browser = visit();
    assert.equal((await browser.post('/api/sign-in', { token: sallyport.token(person) })).status, 200);
    return browser;
  }
  const codeOf = (answer: { json: Record<string, unknown> | null }) => answer.json?.code;
  const failures = async () =>
    (
      await store.query(
        `select leaf::jsonb -> 'detail' ->> 'code' as code, leaf::jsonb -> 'actor' ->> 'name' as name
         from audit_entries where kind = 'sign-in.failed' and leaf::jsonb ->> 'sourceAddress' = $1 order by seq`,
        [from],
      )
    ).rows as { code: string; name: string }[];

  test('somebody registers one, signs in with it under a new session, sees it and removes it', async () => {
    const browser = await signedIn('engineer');
    const before = mySignIn.parse((await browser.get('/api/my-sign-in')).json);
    assert.deepEqual([before.how, before.passkeyAgeSeconds], ['token', null]);
    const passkey = await browser.register('laptop');
    const old = browser.cookies.get('sallyport') ?? '';

    const asked = await browser.post('/api/sign-in/passkey/options');
    const { challenge, allowCredentials } = asked.json as { challenge: string; allowCredentials: unknown[] };
    assert.deepEqual(allowCredentials, [], 'nobody is told which passkeys there are');
    const signed = await browser.post('/api/sign-in/passkey', { passkey: passkey.use(challenge) });
    assert.equal(signed.json?.name, 'engineer', signed.text);
    assert.notEqual(browser.cookies.get('sallyport'), old);
    const copied = visit();
    copied.cookies.set('sallyport', old);
    assert.equal((await copied.get('/api/me')).status, 401, 'the session before is over');

    const mine = mySignIn.parse((await browser.get('/api/my-sign-in')).json);
    assert.deepEqual([mine.how, mine.passkeys.map((one) => one.name)], ['passkey', ['laptop']]);
    assert.ok(mine.passkeyAgeSeconds !== null && mine.passkeyAgeSeconds < 60);
    assert.notEqual(mine.passkeys[0]?.lastUsedAt, null);
    const removed = await browser.post(`/api/passkeys/${mine.passkeys[0]?.id}/remove`);
    assert.deepEqual(mySignIn.parse(removed.json).passkeys, []);
    const again = await browser.post('/api/sign-in/passkey/options');
    const gone = await browser.post('/api/sign-in/passkey', {
      passkey: passkey.use((again.json as { challenge: string }).challenge),
    });
    assert.equal(codeOf(gone), 'passkey-refused');
  });

  test('an answer that is not honest signs nobody in, and is noted', async () => {
    const browser = await signedIn('approver');
    const passkey = await browser.register();
    const { port } = new URL(browser.origin);
    const lies: Lies[] = [
      { origin: `http://127.0.0.1:${port}` },
      { origin: 'https://evil.example' },
      { origin: `http://localhost.evil.example:${port}` },
      { rpId: 'evil.example' },
      { challenge: Buffer.from('another').toString('base64url') },
      { type: 'webauthn.create' },
      { unverified: true },
      { absent: true },
      { otherKey: true },
      { userHandle: Buffer.from('prn_00000000000000000000000000').toString('base64url') },
      { userHandle: null },
      { credentialId: 'AAAA' },
    ];
    for (const lie of lies) {
      from = nextAddress();
      const stranger = visit();
      const { json } = await stranger.post('/api/sign-in/passkey/options');
      const { challenge } = json as { challenge: string };
      const answer = await stranger.post('/api/sign-in/passkey', { passkey: passkey.use(challenge, lie) });
      assert.deepEqual([answer.status, codeOf(answer)], [403, 'passkey-refused'], JSON.stringify(lie));
      assert.equal(stranger.cookies.has('sallyport'), false);
      assert.equal((await failures()).at(-1)?.code, 'passkey-refused', JSON.stringify(lie));
    }
    await store.query(`delete from passkeys`);
  });

  test('a question is answered once, in time, by the browser that was asked', async () => {
    const browser = await signedIn('approver');
    const passkey = await browser.register();
    const ask = async (who: PortalBrowser) =>
      ((await who.post('/api/sign-in/passkey/options')).json as { challenge: string }).challenge;

    const one = visit();
    const used = passkey.use(await ask(one));
    const kept = one.cookies.get('sallyport-passkey') ?? '';
    assert.equal((await one.post('/api/sign-in/passkey', { passkey: used })).status, 200);
    one.cookies.set('sallyport-passkey', kept);
    assert.equal(codeOf(await one.post('/api/sign-in/passkey', { passkey: used })), 'passkey-over');

    const [asked, other] = [visit(), visit()];
    const answer = passkey.use(await ask(asked));
    await ask(other);
    assert.equal(codeOf(await other.post('/api/sign-in/passkey', { passkey: answer })), 'passkey-refused');
    assert.equal(codeOf(await visit().post('/api/sign-in/passkey', { passkey: answer })), 'passkey-over');

    const late = visit();
    const tooLate = passkey.use(await ask(late));
    await store.query(`update ceremonies set expires_at = now()`);
    assert.equal(codeOf(await late.post('/api/sign-in/passkey', { passkey: tooLate })), 'passkey-over');

    // A question for a step-up is none for a sign-in.
    const { json } = await browser.post('/api/step-up/options');
    const crossed = passkey.use((json as { challenge: string }).challenge);
    assert.equal(codeOf(await browser.post('/api/sign-in/passkey', { passkey: crossed })), 'passkey-over');
    await store.query(`delete from passkeys`);
  });

  test('a counter that does not rise is a copy', async () => {
    const browser = await signedIn('approver');
    const passkey = await browser.register();
    const use = async (counter: number) => {
      const who = visit();
      const { json } = await who.post('/api/sign-in/passkey/options');
      const { challenge } = json as { challenge: string };
      return who.post('/api/sign-in/passkey', { passkey: passkey.use(challenge, { counter }) });
    };
    assert.equal((await use(0)).status, 200, 'a synced one counts nothing');
    assert.equal((await use(7)).status, 200);
    for (const counter of [7, 6, 0]) assert.equal(codeOf(await use(counter)), 'passkey-copied', `${counter}`);
    assert.deepEqual((await failures()).at(-1), { code: 'passkey-copied', name: 'approver' });
    assert.equal((await use(8)).status, 200);
    await store.query(`delete from passkeys`);
  });

  test('a session that somebody copied adds and removes none', async () => {
    const browser = await signedIn('engineer');
    await store.query(`update tokens set created_at = now() - interval '16 minutes' where kind = 'browser'`);
    const stale = await browser.post('/api/passkeys/options');
    assert.equal(codeOf(stale), 'sign-in-again', stale.text);
    const fresh = await signedIn('engineer');
    const passkey = await fresh.register();
    // Whoever has one shows it, however new the session is.
    assert.equal(codeOf(await fresh.post('/api/passkeys/options')), 'step-up-required');
    const { rows } = await store.query(`select id from passkeys`);
    assert.equal(codeOf(await fresh.post(`/api/passkeys/${rows[0]?.id}/remove`)), 'step-up-required');
    assert.equal((await fresh.stepUp(passkey)).status, 200);
    const second = await fresh.register('second');
    assert.ok(second.id !== passkey.id);
    // Not another's either.
    const other = await signedIn('auditor');
    assert.equal(codeOf(await other.post(`/api/passkeys/${rows[0]?.id}/remove`)), 'unknown-passkey');
    // And an access token is no browser.
    const bearer = await sallyport.call('engineer', 'POST', '/api/passkeys/options', {});
    assert.deepEqual([bearer.status, (bearer.body as { code: string }).code], [403, 'browser-only']);
    assert.equal((await sallyport.call('deploy-bot', 'POST', '/api/passkeys/options', {})).status, 403);
    await store.query(`delete from passkeys`);
  });

  test('ten are the most, and one that is registered is nobody else’s too', async () => {
    const browser = await signedIn('engineer');
    const passkey = await browser.register('1');
    for (let i = 2; i <= 10; i++) {
      if (i === 2 || i === 6) assert.equal((await browser.stepUp(passkey)).status, 200);
      await browser.register(`${i}`);
    }
    assert.equal(codeOf(await browser.post('/api/passkeys/options')), 'too-many-passkeys');
    const other = await signedIn('auditor');
    const asked = (await other.post('/api/passkeys/options')).json as { challenge: string };
    const taken = await other.post('/api/passkeys', { name: 'x', passkey: passkey.create(asked.challenge) });
    assert.equal(codeOf(taken), 'passkey-known');
    await store.query(`delete from passkeys`);
  });

  test('a link registers the one whom it is for, once, and signs them in', async () => {
    const issue = async () => {
      const made = await sallyport.call(
        'admin',
        'POST',
        '/api/principals/second-approver/registration-link',
        {},
      );
      assert.equal(made.status, 201, JSON.stringify(made.body));
      const { url } = made.body as { url: string };
      assert.match(url, /^http:\/\/localhost:\d+\/register#[A-Za-z0-9_-]{43}$/);
      return url.slice(url.indexOf('#') + 1);
    };
    const first = await issue();
    const code = await issue();
    const browser = visit();
    assert.equal(codeOf(await browser.post('/api/registration/options', { code: first })), 'link-over');
    const register = async (who: PortalBrowser) => {
      const asked = await who.post('/api/registration/options', { code });
      if (asked.status !== 200) return asked;
      const { options, name } = asked.json as {
        name: string;
        options: { challenge: string; user: { id: string } };
      };
      assert.equal(name, 'second-approver');
      const passkey = testPasskey(who.origin, 'localhost', () => options.user.id);
      return who.post('/api/registration', {
        code,
        name: 'first',
        passkey: passkey.create(options.challenge),
      });
    };
    const both = await Promise.all([register(browser), register(visit())]);
    assert.deepEqual(both.map((one) => one.status).sort(), [201, 403], 'one of two at once');
    assert.equal(codeOf(await register(visit())), 'link-over');
    const { rows } = await store.query(`select name from passkeys`);
    assert.equal(rows.length, 1);
    assert.equal((await failures()).at(-1)?.code, 'link-over');
    const late = await issue();
    await store.query(`update ceremonies set expires_at = now()`);
    assert.equal(codeOf(await visit().post('/api/registration/options', { code: late })), 'link-over');
    for (const [name, wanted] of [
      ['deploy-bot', 'not-a-person'],
      ['nobody', 'unknown-principal'],
    ]) {
      const no = await sallyport.call('admin', 'POST', `/api/principals/${name}/registration-link`, {});
      assert.equal((no.body as { code: string }).code, wanted);
    }
    const long = await sallyport.call('admin', 'POST', '/api/principals/auditor/registration-link', {
      lifetime: '8d',
    });
    assert.equal(long.status, 422);
    await store.query(`delete from passkeys`);
  });

  test('a disabled person gets in by none of them, and their sessions are over', async () => {
    const admin = await signedIn('admin');
    await admin.post('/api/principals', { name: 'leaver', displayName: 'Lea Ver' });
    const made = await admin.post('/api/principals/leaver/registration-link', {});
    const code = String(made.json?.url).split('#')[1] ?? '';
    const leaver = visit();
    const opened = (await leaver.post('/api/registration/options', { code })).json as {
      options: { challenge: string; user: { id: string } };
    };
    const passkey = testPasskey(leaver.origin, 'localhost', () => opened.options.user.id);
    await leaver.post('/api/registration', {
      code,
      name: 'x',
      passkey: passkey.create(opened.options.challenge),
    });
    assert.equal((await leaver.get('/api/me')).json?.name, 'leaver');
    const link = String((await admin.post('/api/principals/leaver/registration-link', {})).json?.url);
    await admin.post('/api/principals/leaver/disable', { reason: 'left' });
    assert.equal((await leaver.get('/api/me')).status, 401);
    const { json } = await leaver.post('/api/sign-in/passkey/options');
    const back = await leaver.post('/api/sign-in/passkey', {
      passkey: passkey.use((json as { challenge: string }).challenge),
    });
    assert.equal(codeOf(back), 'account-disabled');
    const byLink = await leaver.post('/api/registration/options', { code: link.split('#')[1] });
    assert.equal(codeOf(byLink), 'account-disabled');
    await store.query(`delete from passkeys`);
  });

  test('a live page ends with its session: signed out, or disabled', async () => {
    for (const end of ['sign-out', 'disable'] as const) {
      await sallyport.call('admin', 'POST', '/api/principals', { name: end, displayName: 'Li Ve' });
      const made = await sallyport.call('admin', 'POST', `/api/principals/${end}/tokens`, {});
      const browser = visit();
      await browser.post('/api/sign-in', { token: issuedToken.parse(made.body).token });
      const stream = await fetch(`${sallyport.server()}/api/events`, {
        headers: { cookie: `sallyport=${browser.cookies.get('sallyport')}` },
      });
      const reader = stream.body?.getReader();
      assert.match(Buffer.from((await reader?.read())?.value ?? []).toString(), /welcome/);
      if (end === 'sign-out') await browser.post('/api/sign-out');
      else await sallyport.call('admin', 'POST', '/api/principals/disable/disable', { reason: 'left' });
      const asked = { target: 'orders-db', task: 'fix-orders', duration: '5m', reason: 'something happens' };
      await sallyport.call('engineer', 'POST', '/api/requests', asked);
      const rest = await reader?.read().catch(() => ({ done: true, value: undefined }));
      assert.deepEqual([rest?.done, rest?.value], [true, undefined], `${end}: nothing more is told`);
    }
  });

  test('other sites ask and answer nothing', async () => {
    for (const path of ['/api/sign-in/passkey/options', '/api/registration/options']) {
      const answer = await rawHttp({
        server: sallyport.server(),
        method: 'POST',
        path,
        headers: { origin: 'http://evil.example' },
        body: {},
      });
      assert.equal(answer.json?.code, 'cross-site', path);
    }
  });
});
