// Every route that changes something leaves its entry in the log, with who did it. One row a route; a new route that is
// not GET fails here until somebody has said what it writes, or that it changes nothing.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { brokenGlassAnswer } from '../../src/api/break-glass.ts';
import { issuedCredential } from '../../src/api/grants.ts';
import { type Kit, kitList } from '../../src/api/kits.ts';
import { changeAnswer } from '../../src/api/policy-changes.ts';
import { submitted } from '../../src/api/requests.ts';
import { session } from '../../src/api/sessions.ts';
import { type StartedDevice, startedDevice } from '../../src/api/sign-in.ts';
import { pageOf } from '../../src/api/text.ts';
import { SYSTEM_ACTOR } from '../../src/audit/append.ts';
import { GUARD, type RouteName } from '../../src/http/guard.ts';
import { ROOT } from '../harness/checks.ts';
import type { TestPasskey } from '../harness/passkey.ts';
import { type PortalBrowser, portalBrowser } from '../harness/portal-browser.ts';
import { type RawAnswer, rawHttp } from '../harness/raw-http.ts';
import {
  type Answer,
  joinGroups,
  type Person,
  policiesInForce,
  type Sallyport,
  startSallyport,
} from '../harness/sallyport.ts';

interface Row {
  /** Kinds that must be written by the call itself; none: it changes nothing. */
  writes: string[];
  /** One of the demo's, or the directory that is added for this. */
  by: Person | 'entra';
  /** What has to be there first, and writes entries of its own. */
  ready?: () => Promise<void>;
  /** Does it for real, and answers what the route said. A path: that test does, where the demo cannot. */
  act: (() => Promise<Answer>) | string;
}

const FROM = '127.55.4.3';
const REASON = { reason: 'a test of the log' };
const ASKED = { target: 'orders-db', task: 'read-orders', duration: '30m', ...REASON };

let sallyport: Sallyport;
let store: pg.Client;

before(async () => {
  sallyport = await startSallyport();
  browser = portalBrowser(sallyport.server(), FROM);
  store = new pg.Client({ connectionString: sallyport.storeUrl() });
  await store.connect();
});
after(async () => {
  await store.end();
  await sallyport[Symbol.asyncDispose]();
});

/** The id of a change that makes a new person an approver. */
async function waitingChange(name: string): Promise<string> {
  await post('admin', '/api/principals', { name, displayName: name });
  const { body } = await post('admin', `/api/principals/${name}/change`, { join: ['approvers'], ...REASON });
  return (body as { waiting: { id: string } }).waiting.id;
}

async function call(person: Person | null, method: string, path: string, body?: unknown): Promise<Answer> {
  const answer = await rawHttp({
    server: sallyport.server(),
    method,
    path,
    body,
    from: FROM,
    headers: person === null ? {} : { authorization: `Bearer ${sallyport.token(person)}` },
  });
  return { status: answer.status, body: answer.json ?? answer.text };
}

async function pending(): Promise<string> {
  const { request } = await sallyport.ask('engineer', 'POST', '/api/requests', submitted, {
    ...ASKED,
    task: 'fix-orders',
  });
  return request.id;
}

async function active(): Promise<string> {
  const { grant } = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, ASKED);
  assert.equal(grant?.state, 'active');
  return grant.id;
}

/** A session of the engineer's that is open. */
async function openSession(): Promise<{ id: string; client: pg.Client }> {
  const grantId = await active();
  const { dsn } = await sallyport.ask(
    'engineer',
    'POST',
    `/api/grants/${grantId}/credentials`,
    issuedCredential,
  );
  const client = new pg.Client({ connectionString: dsn });
  client.on('error', () => undefined);
  await client.connect();
  const { items } = await sallyport.ask('admin', 'GET', `/api/sessions?grant=${grantId}`, pageOf(session));
  return { id: items[0]?.id ?? '', client };
}

/** The one that the rows make, once its file is sealed. */
async function readyKit(): Promise<string> {
  let items: Kit[] = [];
  for (let looks = 0; looks < 300; looks++) {
    items = (await sallyport.ask('admin', 'GET', '/api/kits', kitList)).items;
    const [one] = items;
    if (one?.state === 'ready' && one.targets.every((target) => target.observed === 'present')) return one.id;
    await delay(100);
  }
  throw new Error(`The kit was not ready within 30 s: ${JSON.stringify(items)}`);
}

const DRILL = {
  person: 'engineer',
  target: 'orders-db',
  task: 'fix-orders',
  at: '2031-01-06T09:00:00Z',
};
const broken = () =>
  post('engineer', '/api/break-glass', {
    target: 'orders-db',
    task: 'fix-orders',
    confirm: 'orders-db',
    ...REASON,
  });

/** Of somebody who holds nothing here. */
function pressed(): Promise<Answer> {
  const who = { scope: 'person', name: 'second-approver', confirm: 'second-approver' };
  return call('admin', 'POST', '/api/kills', { ...who, ...REASON });
}

async function signedIn(): Promise<string> {
  const answer = await rawHttp({
    server: sallyport.server(),
    method: 'POST',
    path: '/api/sign-in',
    body: { token: sallyport.token('engineer') },
  });
  const [cookie = ''] = answer.headers['set-cookie'] ?? [];
  return cookie.slice(0, cookie.indexOf(';'));
}

let browser: PortalBrowser;
let passkey: TestPasskey;
let code = '';
let device: StartedDevice | null = null;
const VERIFIER = 'v'.repeat(43);
const CLI_LOGIN = {
  challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
  state: 's'.repeat(22),
  port: 40_000,
  machine: 'laptop',
};

const answerOf = ({ status, json }: RawAnswer): Answer => ({ status, body: json });
const inBrowser = async (path: string, body?: unknown) => answerOf(await browser.post(path, body));

/** The browser that the rows above drive is that person's now. */
async function enter(person: Person): Promise<void> {
  browser = portalBrowser(sallyport.server(), FROM);
  await browser.post('/api/sign-in', { token: sallyport.token(person) });
}

async function withPasskey(person: Person): Promise<void> {
  await enter(person);
  passkey = await browser.register();
}

async function registrationLink(name: string): Promise<string> {
  const { body } = await post('admin', `/api/principals/${name}/registration-link`);
  return (body as { url: string }).url.split('#')[1] ?? '';
}

const UNTIL = new Date(Date.now() + 3_600_000).toISOString();
const shift = () =>
  post('admin', '/api/on-call', { group: 'approvers', principal: 'approver', until: UNTIL });
const delegation = () => post('approver', '/api/delegations', { standIn: 'second-approver', until: UNTIL });
const idIn = ({ body }: Answer) => (body as { id: string }).id;

const post = (by: Person, path: string, body?: unknown) => call(by, 'POST', path, body ?? {});

let proposals = 0;
async function proposed(): Promise<Answer> {
  const files = await policiesInForce(sallyport);
  const [name = ''] = Object.keys(files);
  const text = `${files[name]}\n// changed ${++proposals}\n`;
  return post('admin', '/api/policy/proposals', { files: { ...files, [name]: text }, comment: 'a test' });
}

const newProposal = async () => changeAnswer.parse((await proposed()).body).proposal;

let directoryToken = '';
async function directory(method: string, path: string, body?: unknown): Promise<Answer> {
  if (directoryToken === '') {
    const service = { kind: 'service', name: 'entra', displayName: 'Entra' };
    await post('admin', '/api/principals', service);
    await joinGroups(sallyport, 'entra', ['directory']);
    const issued = await post('admin', '/api/principals/entra/tokens', { scopes: ['scim'] });
    directoryToken = (issued.body as { token: string }).token;
  }
  const answer = await rawHttp({
    server: sallyport.server(),
    method,
    path: `/scim/v2${path}`,
    body,
    from: FROM,
    headers: { authorization: `Bearer ${directoryToken}` },
  });
  return { status: answer.status, body: answer.json };
}

async function made(type: 'Users' | 'Groups', name: string): Promise<string> {
  const body = type === 'Users' ? { userName: name } : { displayName: name };
  return ((await directory('POST', `/${type}`, body)).body as { id: string }).id;
}

const PATCH = (path: string, value: string) => ({
  schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'],
  Operations: [{ op: 'replace', path, value }],
});

const ROWS: Partial<Record<RouteName, Row>> = {
  'POST /api/sign-in': {
    writes: ['sign-in', 'token.issued'],
    by: 'engineer',
    act: () => call(null, 'POST', '/api/sign-in', { token: sallyport.token('engineer') }),
  },
  'POST /api/sign-out': {
    writes: ['token.revoked'],
    by: 'engineer',
    act: async () => {
      const answer = await rawHttp({
        server: sallyport.server(),
        method: 'POST',
        path: '/api/sign-out',
        headers: { cookie: await signedIn(), origin: sallyport.server() },
        body: {},
        from: FROM,
      });
      return { status: answer.status, body: null };
    },
  },
  'POST /api/demo/sign-in': {
    writes: ['sign-in', 'token.issued'],
    by: 'admin',
    act: async () => {
      const answer = await rawHttp({
        server: sallyport.server(),
        method: 'POST',
        path: '/api/demo/sign-in',
        headers: { origin: sallyport.server() },
        body: { person: 'admin' },
        from: FROM,
      });
      return { status: answer.status, body: answer.json };
    },
  },
  'POST /api/workload/token': {
    writes: ['workload.exchanged', 'token.issued'],
    by: 'deploy-bot',
    act: 'test/features/workload-identity.test.ts',
  },
  'POST /api/sign-in/passkey/options': {
    writes: [],
    by: 'engineer',
    act: () => inBrowser('/api/sign-in/passkey/options'),
  },
  'POST /api/sign-in/passkey': {
    writes: ['sign-in', 'token.issued'],
    by: 'engineer',
    ready: () => withPasskey('engineer'),
    act: async () => answerOf(await browser.signIn(passkey)),
  },
  'POST /api/registration/options': {
    writes: [],
    by: 'auditor',
    ready: async () => {
      code = await registrationLink('auditor');
    },
    act: () => inBrowser('/api/registration/options', { code }),
  },
  'POST /api/registration': {
    writes: ['passkey.added', 'sign-in', 'token.issued'],
    by: 'auditor',
    act: async () => answerOf((await browser.useLink(await registrationLink('auditor'))).answer),
  },
  'POST /api/step-up/options': {
    writes: [],
    by: 'approver',
    ready: () => withPasskey('approver'),
    act: () => inBrowser('/api/step-up/options'),
  },
  'POST /api/step-up': {
    writes: ['step-up', 'token.issued', 'token.revoked'],
    by: 'second-approver',
    ready: () => withPasskey('second-approver'),
    act: async () => answerOf(await browser.stepUp(passkey)),
  },
  'POST /api/passkeys/options': {
    writes: [],
    by: 'admin',
    ready: () => enter('admin'),
    act: () => inBrowser('/api/passkeys/options'),
  },
  'POST /api/passkeys': {
    writes: ['passkey.added'],
    by: 'admin',
    ready: () => enter('admin'),
    act: async () => {
      await browser.register();
      return { status: 201, body: null };
    },
  },
  'POST /api/passkeys/:id/remove': {
    writes: ['passkey.removed'],
    by: 'admin',
    act: async () => {
      const { rows } = await store.query(
        "select k.id from passkeys k join principals p on p.id = k.principal_id where p.name = 'admin'",
      );
      // The passkey of the row before was not used in this session.
      await store.query('update tokens set mfa_at = now() where revoked_at is null');
      return inBrowser(`/api/passkeys/${rows[0]?.id}/remove`);
    },
  },
  'POST /api/principals/:name/registration-link': {
    writes: ['registration-link.issued'],
    by: 'admin',
    act: () => post('admin', '/api/principals/auditor/registration-link'),
  },
  'POST /api/cli-logins': {
    writes: [],
    by: 'admin',
    ready: () => enter('admin'),
    act: () => inBrowser('/api/cli-logins', CLI_LOGIN),
  },
  'POST /api/cli-logins/token': {
    writes: ['cli-login', 'token.issued'],
    by: 'admin',
    act: async () => {
      const { body } = await inBrowser('/api/cli-logins', CLI_LOGIN);
      const found = new URL((body as { url: string }).url).searchParams.get('code');
      return call(null, 'POST', '/api/cli-logins/token', { code: found, verifier: VERIFIER });
    },
  },
  'POST /api/device-logins': {
    writes: [],
    by: 'admin',
    act: async () => {
      const answer = await call(null, 'POST', '/api/device-logins', { machine: 'far away' });
      device = startedDevice.parse(answer.body);
      return answer;
    },
  },
  'POST /api/device-logins/look': {
    writes: [],
    by: 'admin',
    act: () => inBrowser('/api/device-logins/look', { userCode: device?.userCode }),
  },
  'POST /api/device-logins/decide': {
    writes: ['device-login.allowed'],
    by: 'admin',
    act: () => inBrowser('/api/device-logins/decide', { userCode: device?.userCode, allow: true }),
  },
  'POST /api/device-logins/token': {
    writes: ['cli-login', 'token.issued'],
    by: 'admin',
    act: () => call(null, 'POST', '/api/device-logins/token', { deviceCode: device?.deviceCode }),
  },
  'POST /api/targets': {
    writes: ['target.added'],
    by: 'admin',
    act: () =>
      post('admin', '/api/targets', {
        name: 'spare',
        kind: 'postgres',
        segment: 'dev/spare',
        environment: 'development',
        settings: { host: '127.0.0.1', port: 1, database: 'spare', tls: 'off' },
        admin: { user: 'nobody', password: 'not-a-password' },
      }),
  },
  'POST /api/targets/:name/check': {
    writes: ['target.checked'],
    by: 'admin',
    act: () => post('admin', '/api/targets/orders-db/check'),
  },
  'POST /api/targets/:name/labels': {
    writes: ['target.labelled'],
    by: 'admin',
    act: () =>
      post('admin', '/api/targets/orders-db/labels', {
        labels: [{ column: 'public.customers.email', label: 'pii' }],
      }),
  },
  'POST /api/targets/:name/labels/suggest': {
    writes: ['target.sampled'],
    by: 'admin',
    act: () => post('admin', '/api/targets/orders-db/labels/suggest'),
  },
  'POST /api/targets/:name/credential': {
    writes: ['target.credential-changed'],
    by: 'admin',
    act: () =>
      post('admin', '/api/targets/orders-db/credential', {
        user: new URL(sallyport.adminUrl()).username,
        password: decodeURIComponent(new URL(sallyport.adminUrl()).password),
      }),
  },
  'POST /api/targets/:name/settings': {
    writes: ['target.changed'],
    by: 'admin',
    act: () => post('admin', '/api/targets/orders-db/settings', { settings: { nodes: null } }),
  },
  'POST /api/targets/:name/remove': {
    writes: ['target.removed'],
    by: 'admin',
    ready: async () => {
      await post('admin', '/api/targets', {
        name: 'spare-two',
        kind: 'postgres',
        segment: 'dev/spare',
        environment: 'development',
        settings: { host: '127.0.0.1', port: 1, database: 'spare', tls: 'off' },
        admin: { user: 'nobody', password: 'not-a-password' },
      });
    },
    act: () => post('admin', '/api/targets/spare-two/remove', REASON),
  },
  'POST /api/principals': {
    writes: ['principal.added'],
    by: 'admin',
    act: () => post('admin', '/api/principals', { name: 'newcomer', displayName: 'New Comer' }),
  },
  'POST /api/principals/:name/tokens': {
    writes: ['token.issued'],
    by: 'admin',
    act: () => post('admin', '/api/principals/auditor/tokens', {}),
  },
  'POST /api/principals/:name/tokens/:id/revoke': {
    writes: ['token.revoked'],
    by: 'admin',
    act: async () => {
      const issued = await post('admin', '/api/principals/auditor/tokens', {});
      const { id } = issued.body as { id: string };
      return post('admin', `/api/principals/auditor/tokens/${id}/revoke`);
    },
  },
  'POST /api/principals/:name/disable': {
    writes: ['principal.disabled'],
    by: 'admin',
    act: async () => {
      await post('admin', '/api/principals', { name: 'leaver', displayName: 'Lea Ver' });
      return post('admin', '/api/principals/leaver/disable', { reason: 'a test of the log' });
    },
  },
  'POST /api/keys/rotate': {
    writes: ['keys.rotated'],
    by: 'admin',
    act: () => post('admin', '/api/keys/rotate', { what: 'target-passwords' }),
  },
  // The demo is one process alone.
  'POST /api/replicas/:name/drain': {
    writes: ['replica.drain-asked'],
    by: 'admin',
    act: 'test/features/replicas.test.ts',
  },
  // The demo's store is no copy.
  'POST /api/recovery': { writes: ['recovery.bridged'], by: 'admin', act: 'test/features/recovery.test.ts' },
  'POST /api/principals/:name/change': {
    writes: ['principal.changed'],
    by: 'admin',
    act: async () => {
      await post('admin', '/api/principals', { name: 'mover', displayName: 'Mo Ver' });
      return post('admin', '/api/principals/mover/change', { title: 'Data engineer', ...REASON });
    },
  },
  'POST /api/principals/:name/enable': {
    writes: ['principal.enabled'],
    by: 'admin',
    act: async () => {
      await post('admin', '/api/principals', { name: 'returner', displayName: 'Ret Urner' });
      await post('admin', '/api/principals/returner/disable', REASON);
      return post('admin', '/api/principals/returner/enable', REASON);
    },
  },
  'POST /api/groups': {
    writes: ['group.added'],
    by: 'admin',
    act: () => post('admin', '/api/groups', { name: 'newcomers' }),
  },
  'POST /api/groups/:name/delete': {
    writes: ['group.deleted'],
    by: 'admin',
    act: async () => {
      await post('admin', '/api/groups', { name: 'passing' });
      return post('admin', '/api/groups/passing/delete');
    },
  },
  'POST /api/people-changes/:id/confirm': {
    writes: ['principal.changed'],
    by: 'approver',
    act: async () => post('approver', `/api/people-changes/${await waitingChange('riser')}/confirm`),
  },
  'POST /api/people-changes/:id/refuse': {
    writes: ['principal.change-refused'],
    by: 'approver',
    act: async () => post('approver', `/api/people-changes/${await waitingChange('hopeful')}/refuse`, REASON),
  },
  'POST /api/segments': {
    writes: ['segment.set'],
    by: 'admin',
    act: () => post('admin', '/api/segments', { path: 'dev/spare', owner: 'engineering' }),
  },
  'POST /api/on-call': {
    writes: ['on-call.added'],
    by: 'admin',
    act: () => shift(),
  },
  'POST /api/on-call/:id/end': {
    writes: ['on-call.ended'],
    by: 'admin',
    act: async () => post('admin', `/api/on-call/${idIn(await shift())}/end`),
  },
  'POST /api/delegations': {
    writes: ['delegation.added'],
    by: 'approver',
    act: () => delegation(),
  },
  'POST /api/delegations/:id/end': {
    writes: ['delegation.ended'],
    by: 'approver',
    act: async () => post('approver', `/api/delegations/${idIn(await delegation())}/end`),
  },
  'POST /api/tasks': {
    writes: ['task.added'],
    by: 'admin',
    act: () =>
      post('admin', '/api/tasks', {
        name: 'count-orders',
        kind: 'postgres',
        segment: 'dev/spare',
        description: 'Count orders.',
        entitlement: {
          readOnly: true,
          schemas: ['public'],
          tables: [{ name: 'public.orders', privileges: ['SELECT'] }],
        },
      }),
  },
  'POST /api/requests': {
    writes: ['request.submitted', 'grant.intended'],
    by: 'engineer',
    act: () => post('engineer', '/api/requests', ASKED),
  },
  'POST /api/bundles': {
    writes: ['request.submitted'],
    by: 'engineer',
    act: () =>
      post('engineer', '/api/bundles', {
        ...REASON,
        duration: '5m',
        members: ['read-orders', 'fix-orders'].map((task) => ({ target: 'orders-db', task })),
      }),
  },
  'POST /api/requests/preview': {
    writes: [],
    by: 'engineer',
    act: () => post('engineer', '/api/requests/preview', ASKED),
  },
  'POST /api/requests/:id/approve': {
    writes: ['request.approved', 'grant.intended'],
    by: 'approver',
    act: async () => post('approver', `/api/requests/${await pending()}/approve`),
  },
  'POST /api/requests/:id/deny': {
    writes: ['request.denied'],
    by: 'approver',
    act: async () => post('approver', `/api/requests/${await pending()}/deny`, REASON),
  },
  'POST /api/statements/:id/approve': {
    writes: ['statement.approved', 'statement.run'],
    by: 'approver',
    act: 'test/features/masking.test.ts',
  },
  'POST /api/statements/:id/deny': {
    writes: ['statement.denied'],
    by: 'approver',
    act: 'test/features/masking.test.ts',
  },
  'POST /api/requests/:id/cancel': {
    writes: ['request.cancelled'],
    by: 'engineer',
    act: async () => post('engineer', `/api/requests/${await pending()}/cancel`),
  },
  'POST /api/grants/:id/credentials': {
    writes: ['credential.issued'],
    by: 'engineer',
    act: async () => post('engineer', `/api/grants/${await active()}/credentials`),
  },
  'POST /api/grants/:id/extend': {
    writes: ['grant.extended'],
    by: 'engineer',
    act: async () => post('engineer', `/api/grants/${await active()}/extend`, { duration: '5m', ...REASON }),
  },
  'POST /api/grants/:id/done': {
    writes: ['grant.ending'],
    by: 'engineer',
    act: async () => post('engineer', `/api/grants/${await active()}/done`),
  },
  'POST /api/grants/:id/revoke': {
    writes: ['grant.ending'],
    by: 'approver',
    act: async () => post('approver', `/api/grants/${await active()}/revoke`, REASON),
  },
  'POST /api/break-glass': {
    writes: ['break-glass.used', 'grant.intended', 'review.opened'],
    by: 'engineer',
    act: () => broken(),
  },
  'POST /api/reviews/:id/verdict': {
    writes: ['review.decided'],
    by: 'approver',
    act: async () => {
      const { review } = brokenGlassAnswer.parse((await broken()).body);
      return post('approver', `/api/reviews/${review.id}/verdict`, {
        verdict: 'justified',
        comment: 'a test of the log',
      });
    },
  },
  'POST /api/drills': {
    writes: ['drill.scheduled'],
    by: 'admin',
    act: () => post('admin', '/api/drills', DRILL),
  },
  'POST /api/drills/:id/cancel': {
    writes: ['drill.cancelled'],
    by: 'admin',
    act: async () => post('admin', `/api/drills/${idIn(await post('admin', '/api/drills', DRILL))}/cancel`),
  },
  'POST /api/kits': {
    writes: ['kit.made'],
    by: 'admin',
    act: () =>
      post('admin', '/api/kits', {
        segment: 'prod/eu/orders',
        task: 'fix-orders',
        holders: ['engineer', 'approver'],
        quorum: 2,
      }),
  },
  'POST /api/kits/:id/share': {
    writes: ['kit.share-taken'],
    by: 'engineer',
    act: async () => post('engineer', `/api/kits/${await readyKit()}/share`),
  },
  'POST /api/kits/:id/check': {
    writes: ['kit.check-asked'],
    by: 'admin',
    act: async () => post('admin', `/api/kits/${await readyKit()}/check`),
  },
  'GET /api/kits/:id/file': {
    writes: ['kit.file-taken'],
    by: 'admin',
    act: async () => call('admin', 'GET', `/api/kits/${await readyKit()}/file`),
  },
  'POST /api/kits/:id/rotate': {
    writes: ['kit.rotated'],
    by: 'admin',
    act: async () => post('admin', `/api/kits/${await readyKit()}/rotate`),
  },
  'POST /api/kits/:id/retire': {
    writes: ['kit.retired'],
    by: 'admin',
    act: async () => post('admin', `/api/kits/${await readyKit()}/retire`),
  },
  'POST /api/notices/read': {
    writes: [],
    by: 'engineer',
    act: () => post('engineer', '/api/notices/read', {}),
  },
  'POST /api/kills': { writes: ['kill.set'], by: 'admin', act: pressed },
  'POST /api/kills/:id/lift': {
    writes: ['kill.lifted'],
    by: 'admin',
    act: async () => {
      const { id } = (await pressed()).body as { id: string };
      return post('admin', `/api/kills/${id}/lift`, REASON);
    },
  },
  'POST /api/sessions/:id/end': {
    writes: ['session.ending'],
    by: 'admin',
    act: async () => {
      const { id, client } = await openSession();
      const over = new Promise<void>((resolve) => client.once('end', () => resolve()));
      const answer = await post('admin', `/api/sessions/${id}/end`, REASON);
      await over;
      return answer;
    },
  },
  'POST /api/sessions/:id/hold': {
    writes: ['recording.held'],
    by: 'admin',
    act: async () => {
      const { id, client } = await openSession();
      const answer = await post('admin', `/api/sessions/${id}/hold`, REASON);
      await client.end();
      return answer;
    },
  },
  'POST /api/sessions/:id/release': {
    writes: ['recording.released'],
    by: 'admin',
    act: async () => {
      const { id, client } = await openSession();
      await post('admin', `/api/sessions/${id}/hold`, REASON);
      const answer = await post('admin', `/api/sessions/${id}/release`, REASON);
      await client.end();
      return answer;
    },
  },
  'POST /api/policy/explain': {
    writes: [],
    by: 'engineer',
    act: () => post('engineer', '/api/policy/explain', { target: 'orders-db', task: 'read-orders' }),
  },
  'POST /api/policy/packs': {
    writes: ['segment.owned'],
    by: 'admin',
    act: () => post('admin', '/api/policy/packs', { segment: 'prod/eu/orders', owner: 'engineering' }),
  },
  'POST /api/policy/plan': {
    writes: [],
    by: 'admin',
    act: async () => post('admin', '/api/policy/plan', { files: await policiesInForce(sallyport) }),
  },
  'POST /api/policy/check': {
    writes: [],
    by: 'admin',
    act: () => post('admin', '/api/policy/check', { text: '', example: ASKED }),
  },
  'POST /api/policy/proposals': { writes: ['policy.proposed'], by: 'admin', act: proposed },
  'POST /api/policy/proposals/:id/refuse': {
    writes: ['policy.refused'],
    by: 'approver',
    act: async () => post('approver', `/api/policy/proposals/${(await newProposal()).id}/refuse`, REASON),
  },
  'POST /api/policy/proposals/:id/withdraw': {
    writes: ['policy.withdrawn'],
    by: 'admin',
    act: async () => post('admin', `/api/policy/proposals/${(await newProposal()).id}/withdraw`),
  },
  'POST /api/policy/proposals/:id/sign': {
    writes: ['policy.signed', 'policy.published'],
    by: 'approver',
    act: async () => {
      const { id, digest } = await newProposal();
      return post('approver', `/api/policy/proposals/${id}/sign`, { digest });
    },
  },
  'POST /scim/v2/Users': {
    writes: ['principal.added'],
    by: 'entra',
    act: () => directory('POST', '/Users', { userName: 'row-one' }),
  },
  'PUT /scim/v2/Users/:id': {
    writes: ['directory.user-changed', 'principal.disabled'],
    by: 'entra',
    act: async () =>
      directory('PUT', `/Users/${await made('Users', 'row-two')}`, { userName: 'row-two', active: false }),
  },
  'PATCH /scim/v2/Users/:id': {
    writes: ['directory.user-changed'],
    by: 'entra',
    act: async () => directory('PATCH', `/Users/${await made('Users', 'row-three')}`, PATCH('title', 'x')),
  },
  'DELETE /scim/v2/Users/:id': {
    writes: ['directory.user-deleted', 'principal.disabled'],
    by: 'entra',
    act: async () => directory('DELETE', `/Users/${await made('Users', 'row-four')}`),
  },
  'POST /scim/v2/Groups': {
    writes: ['directory.group-changed'],
    by: 'entra',
    act: () => directory('POST', '/Groups', { displayName: 'Group One' }),
  },
  'PUT /scim/v2/Groups/:id': {
    writes: ['directory.group-changed'],
    by: 'entra',
    act: async () =>
      directory('PUT', `/Groups/${await made('Groups', 'Group Two')}`, { displayName: 'Group Two B' }),
  },
  'PATCH /scim/v2/Groups/:id': {
    writes: ['directory.group-changed'],
    by: 'entra',
    act: async () =>
      directory('PATCH', `/Groups/${await made('Groups', 'Group Three')}`, PATCH('displayName', 'G3')),
  },
  'DELETE /scim/v2/Groups/:id': {
    writes: ['directory.group-changed'],
    by: 'entra',
    act: async () => directory('DELETE', `/Groups/${await made('Groups', 'Group Four')}`),
  },
  'GET /api/audit/export': {
    writes: ['audit.exported'],
    by: 'auditor',
    act: () => call('auditor', 'GET', '/api/audit/export'),
  },
};

/** Routes that the demo cannot do: where what they write is looked at. */
const ELSEWHERE: Partial<Record<RouteName, string>> = {
  'POST /api/sign-in/oidc': 'test/features/oidc.test.ts',
  'POST /api/my-sign-in/oidc': 'test/features/oidc.test.ts',
  // The demo has no host.
  'POST /api/grants/:id/certificates': 'test/features/hosts.test.ts',
  'POST /api/host-keys': 'test/features/hosts.test.ts',
};

/** Entries that name an address: whatever a person does from somewhere. */
const WITHOUT_ADDRESS = new Set(['grant.intended']);

test('every route that is not a look has its row, and no row is for a route that is gone', () => {
  const changing = (Object.keys(GUARD) as RouteName[]).filter((name) => !name.startsWith('GET '));
  assert.deepEqual(
    [...Object.keys(ROWS), ...Object.keys(ELSEWHERE)].filter((name) => !name.startsWith('GET ')).sort(),
    changing.sort(),
  );
});

interface Written {
  seq: number;
  kind: string;
  actor: string;
  address: string | null;
}

async function entriesSince(seq: number): Promise<Written[]> {
  const { rows } = await store.query(
    `select seq::int, kind, leaf::jsonb -> 'actor' ->> 'name' as actor, leaf::jsonb ->> 'sourceAddress' as address
     from audit_entries where seq > $1 order by seq`,
    [seq],
  );
  return rows as Written[];
}

const lastSeq = async () => (await entriesSince(0)).at(-1)?.seq ?? 0;

for (const [name, row] of Object.entries(ROWS)) {
  test(name, async () => {
    await row.ready?.();
    const { act } = row;
    if (typeof act === 'string') {
      const text = readFileSync(join(ROOT, act), 'utf8');
      for (const kind of [name.split(' ')[1] ?? '', ...row.writes])
        assert.ok(text.includes(`'${kind}'`), kind);
      return;
    }
    const before = await lastSeq();
    const answer = await act();
    assert.ok(
      answer.status >= 200 && answer.status < 300,
      `${answer.status}: ${JSON.stringify(answer.body)}`,
    );
    const written = await entriesSince(before);
    for (const kind of row.writes) {
      // The newest of the kind: making ready wrote some too, by others or from elsewhere.
      const entry = written.findLast((one) => one.kind === kind);
      assert.ok(entry !== undefined, `no ${kind} among ${written.map((one) => one.kind).join(', ')}`);
      if (WITHOUT_ADDRESS.has(kind)) continue;
      assert.equal(entry.actor, row.by, kind);
      assert.equal(entry.address, FROM, `${kind} says from where`);
    }
    // What Sallyport itself writes meanwhile (a session of a row before that ended) is not this route's.
    const byPeople = written.filter((one) => one.actor !== SYSTEM_ACTOR.name);
    if (row.writes.length === 0) assert.deepEqual(byPeople, []);
  });
}

test('what fails changes nothing and is no success in the log', async () => {
  const id = await pending();
  const before = await lastSeq();
  for (const [by, path, body] of [
    ['engineer', `/api/requests/${id}/approve`, {}],
    ['deploy-bot', `/api/requests/${id}/deny`, REASON],
    ['approver', `/api/requests/${id}/cancel`, {}],
    ['engineer', '/api/policy/proposals', { files: {}, comment: 'mine' }],
    ['admin', '/api/policy/proposals', { files: { 'broken.cedar': 'permit (' }, comment: 'broken' }],
    ['engineer', '/api/requests', { ...ASKED, duration: '1y' }],
  ] as const) {
    const answer = await post(by, path, body);
    assert.ok(answer.status >= 400, `${by} ${path}: ${answer.status}`);
  }
  // Who tried to approve what they may not is in the log as just that.
  const kinds = (await entriesSince(before)).map((one) => `${one.kind} ${one.actor}`);
  assert.deepEqual(kinds, ['approval.refused engineer']);
});

test('the whole log of this verifies', async () => {
  const verified = await sallyport.cli('auditor', 'audit', 'verify', '--json');
  assert.equal(verified.code, 0, verified.stderr);
});
