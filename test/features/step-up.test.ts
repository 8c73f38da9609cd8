// Policy that asks for a passkey, as an obligation and as a condition, on every way: request, approval, extension,
// rights over Sallyport itself, a session through the gateway. What counts is this session's passkey, used lately.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { issuedCredential } from '../../src/api/grants.ts';
import { submitted } from '../../src/api/requests.ts';
import type { TestPasskey } from '../harness/passkey.ts';
import { type PortalBrowser, portalBrowser } from '../harness/portal-browser.ts';
import type { RawAnswer } from '../harness/raw-http.ts';
import {
  type Person,
  policiesInForce,
  publishPolicies,
  type Sallyport,
  startSallyport,
} from '../harness/sallyport.ts';

/** The durations pick the rule, so that one published set serves all. */
const POLICIES = `
@id("obliged")
@description("Reading for 17 minutes asks for a passkey.")
@stepUp("passkey")
permit (principal in Group::"engineering", action in [Action::"request", Action::"autoApprove"], resource)
when { context.task == Task::"read-orders" && context.duration == duration("17m") };

@id("obliged-fix")
@description("Correcting for 17 minutes asks for a passkey, of both.")
@stepUp("passkey")
@approvals("1 of Group::\\"approvers\\"")
permit (principal in Group::"engineering", action == Action::"request", resource)
when { context.task == Task::"fix-orders" && context.duration == duration("17m") };

@id("pipelines-too")
@stepUp("passkey")
permit (principal in Group::"pipelines", action in [Action::"request", Action::"autoApprove"], resource)
when { context.task == Task::"read-orders" && context.duration == duration("17m") };

@id("condition")
forbid (principal, action in [Action::"request", Action::"extend"], resource)
when { context.duration == duration("18m") }
unless { context has mfaAge && context.mfaAge <= duration("2m") };

@id("approver-condition")
forbid (principal, action == Action::"approve", resource)
when { context.duration == duration("18m") }
unless { context has mfaAge && context.mfaAge <= duration("2m") };

@id("session")
@stepUp("passkey")
permit (principal in Group::"engineering", action == Action::"connect", resource)
when { context.duration == duration("19m") };

@id("administration")
forbid (principal, action == Action::"audit", resource)
when { principal in Group::"auditors" }
unless { context has mfaAge && context.mfaAge <= duration("2m") };
`;

describe('step-up', () => {
  let sallyport: Sallyport;
  let store: pg.Client;
  let engineer: PortalBrowser;
  let key: TestPasskey;
  before(async () => {
    sallyport = await startSallyport();
    store = new pg.Client({ connectionString: sallyport.storeUrl() });
    await store.connect();
    const files = await policiesInForce(sallyport);
    await publishPolicies(sallyport, { ...files, 'step-up.cedar': POLICIES });
    engineer = await enter('engineer');
    key = await engineer.register();
  });
  after(async () => {
    await store?.end();
    await sallyport?.[Symbol.asyncDispose]();
  });

  async function enter(person: Person): Promise<PortalBrowser> {
    const browser = portalBrowser(sallyport.server());
    assert.equal((await browser.post('/api/sign-in', { token: sallyport.token(person) })).status, 200);
    return browser;
  }
  /** The passkey was used that long ago, in every session. */
  const age = (interval: string | null) =>
    store.query(`update tokens set mfa_at = now() - $1::interval`, [interval]);
  const ask = (who: PortalBrowser, duration: string, task = 'read-orders') =>
    who.post(`/api/requests?wait=${task === 'read-orders' ? 20 : 0}`, {
      target: 'orders-db',
      task,
      duration,
      reason: 'step-up',
    });
  const requests = async () => (await store.query('select count(*)::int as n from requests')).rows[0]?.n;
  const wanted = (answer: RawAnswer) => {
    assert.deepEqual([answer.status, answer.json?.code], [403, 'step-up-required'], answer.text);
    assert.deepEqual(answer.json?.facts, { portal: engineer.origin, freshSeconds: 300 });
  };

  test('a request whose decision asks for it is not written until the passkey was used', async () => {
    await age(null);
    const before = await requests();
    wanted(await ask(engineer, '17m'));
    assert.equal(await requests(), before);
    const old = engineer.cookies.get('sallyport');
    assert.equal((await engineer.stepUp(key)).status, 200);
    assert.notEqual(engineer.cookies.get('sallyport'), old, 'the token rotates');
    const copied = portalBrowser(sallyport.server());
    copied.cookies.set('sallyport', old ?? '');
    assert.equal((await copied.get('/api/me')).status, 401);
    const { request } = submitted.parse((await ask(engineer, '17m')).json);
    assert.equal(request.state, 'approved');
    assert.equal(request.decision.obligations.stepUp, 'passkey');
    await age('4 minutes 50 seconds');
    assert.equal((await ask(engineer, '17m')).status, 201);
    await age('5 minutes 10 seconds');
    wanted(await ask(engineer, '17m'));
    assert.equal((await ask(engineer, '16m')).status, 201, 'what is not asked for is not wanted');
  });

  test('the passkey of one session is not that of another, and an access token has none', async () => {
    assert.equal((await engineer.stepUp(key)).status, 200);
    const second = await enter('engineer');
    wanted(await ask(second, '17m'));
    const body = { target: 'orders-db', task: 'read-orders', duration: '17m', reason: 'step-up' };
    const bearer = await sallyport.call('engineer', 'POST', '/api/requests', body);
    assert.equal((bearer.body as { code: string }).code, 'step-up-required');
    const service = await sallyport.call('deploy-bot', 'POST', '/api/requests', body);
    assert.equal((service.body as { code: string }).code, 'people-only');
    const said = await sallyport.cli(
      'engineer',
      'request',
      'orders-db',
      '--task',
      'read-orders',
      '--for',
      '17m',
      '--reason',
      'step-up',
    );
    assert.equal(said.code, 3);
    assert.match(said.stderr, /http:\/\/localhost:\d+/, 'the command line says where');
    for (const path of ['/api/step-up/options', '/api/passkeys/options']) {
      const got = await sallyport.call('engineer', 'POST', path, {});
      assert.equal((got.body as { code: string }).code, 'browser-only');
    }
  });

  test('somebody else’s passkey, or an answer of another session, steps nobody up', async () => {
    const approver = await enter('approver');
    const theirs = await approver.register();
    const asked = (await engineer.post('/api/step-up/options')).json as { challenge: string };
    const foreign = await engineer.post('/api/step-up', { passkey: theirs.use(asked.challenge) });
    assert.equal(foreign.json?.code, 'passkey-refused');
    // The browser's own question, answered in another session of the same person.
    const second = await enter('engineer');
    const { challenge } = (await second.post('/api/step-up/options')).json as { challenge: string };
    engineer.cookies.set('sallyport-passkey', second.cookies.get('sallyport-passkey') ?? '');
    const moved = await engineer.post('/api/step-up', { passkey: key.use(challenge) });
    assert.equal(moved.json?.code, 'passkey-over');
    await store.query(
      `delete from passkeys where principal_id in (select id from principals where name = 'approver')`,
    );
  });

  test('a condition on mfaAge: what only the passkey lacks is asked for, everything else is a no', async () => {
    await age(null);
    wanted(await ask(engineer, '18m'));
    await engineer.stepUp(key);
    const got = await ask(engineer, '18m');
    assert.equal(submitted.parse(got.json).request.state, 'approved', got.text);
    await age('3 minutes');
    wanted(await ask(engineer, '18m'));
    await age(null);
    const never = await ask(engineer, '10h');
    assert.equal(submitted.parse(never.json).request.state, 'denied', 'no passkey would help here');
  });

  test('an approval: by the request’s obligation, and by the approver’s own condition', async () => {
    for (const duration of ['17m', '18m']) {
      await age(null);
      await engineer.stepUp(key);
      const asked = await ask(engineer, duration, 'fix-orders');
      const { request } = submitted.parse(asked.json);
      assert.equal(request.state, 'pending');
      const approver = await enter('approver');
      const card = await approver.get(`/api/requests/${request.id}`);
      assert.equal(submitted.parse(card.json).request.mayApprove, true, 'the card is theirs all the same');
      wanted(await approver.post(`/api/requests/${request.id}/approve`));
      const theirs = await approver.register();
      wanted(await approver.post(`/api/requests/${request.id}/approve`));
      assert.equal((await approver.stepUp(theirs)).status, 200);
      // The requester's own passkey is decided on as it was when they asked.
      const approved = await approver.post(`/api/requests/${request.id}/approve`);
      assert.equal(submitted.parse(approved.json).request.state, 'approved', approved.text);
      await store.query(
        `delete from passkeys where principal_id in (select id from principals where name = 'approver')`,
      );
    }
    // To say no takes none.
    await engineer.stepUp(key);
    const { request } = submitted.parse((await ask(engineer, '18m', 'fix-orders')).json);
    const approver = await enter('approver');
    assert.equal((await approver.post(`/api/requests/${request.id}/deny`, { reason: 'no' })).status, 200);
  });

  test('an extension', async () => {
    await age(null);
    const asked = submitted.parse((await ask(engineer, '10m')).json);
    const extend = (duration: string) =>
      engineer.post(`/api/grants/${asked.grant?.id}/extend`, { duration, reason: 'more' });
    wanted(await extend('7m'));
    wanted(await extend('8m'));
    await engineer.stepUp(key);
    assert.equal((await extend('8m')).status, 200);
  });

  test('rights over Sallyport itself', async () => {
    const auditor = await enter('auditor');
    wanted(await auditor.get('/api/audit/entries'));
    wanted(await auditor.get('/api/audit/export'));
    assert.deepEqual((await auditor.get('/api/me')).json?.rights, []);
    const theirs = await auditor.register();
    const stepped = await auditor.stepUp(theirs);
    assert.deepEqual(stepped.json?.rights, ['audit']);
    assert.equal((await auditor.get('/api/audit/entries')).status, 200);
    const nobody = await engineer.get('/api/audit/entries');
    assert.equal(nobody.json?.code, 'may-not', 'no passkey makes an auditor');
  });

  test('a session: the secret has to be taken with a passkey', async () => {
    await age(null);
    const { grant } = submitted.parse((await ask(engineer, '19m')).json);
    const connect = async () => {
      const taken = await engineer.post(`/api/grants/${grant?.id}/credentials`);
      const { dsn } = issuedCredential.parse(taken.json);
      const client = new pg.Client({ connectionString: dsn });
      client.on('error', () => undefined);
      await client.connect();
      await client.end();
    };
    await assert.rejects(connect(), /passkey/);
    await engineer.stepUp(key);
    await connect();
  });

  test('every passkey that was used and every refusal stands in the log, which verifies', async () => {
    const { rows } = await store.query(
      `select kind, count(*)::int as n from audit_entries where kind in ('step-up', 'sign-in.failed') group by kind order by kind`,
    );
    assert.ok(rows.length === 2 && rows.every((row) => row.n > 0), JSON.stringify(rows));
    assert.equal((await sallyport.cli('admin', 'audit', 'verify', '--json')).code, 0);
  });
});
