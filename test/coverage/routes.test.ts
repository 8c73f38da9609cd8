// Every route of the guard's table, called by everybody who should and who should not. The expectations are written
// out route by route, so that a new route fails here until somebody has decided who may call it.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { type Grant, grant as grantSchema, issuedCredential } from '../../src/api/grants.ts';
import { changeAnswer } from '../../src/api/policy-changes.ts';
import { submitted } from '../../src/api/requests.ts';
import { session } from '../../src/api/sessions.ts';
import { pageOf } from '../../src/api/text.ts';
import { newId } from '../../src/base/ids.ts';
import { GUARD, type RouteName } from '../../src/http/guard.ts';
import { type RawAnswer, type RawRequest, rawHttp } from '../harness/raw-http.ts';
import { type Person, policiesInForce, type Sallyport, startSallyport } from '../harness/sallyport.ts';

const PEOPLE = ['engineer', 'approver', 'auditor', 'admin', 'deploy-bot'] as const;
/** Who cannot sign in: all of these are 401 wherever somebody must be signed in. */
const STRANGERS = ['nobody', 'malformed', 'unknown', 'expired', 'revoked', 'disabled'] as const;
type Stranger = (typeof STRANGERS)[number];
type Row = Record<(typeof PEOPLE)[number], number> & {
  /** For the administrator in a browser, where that is not what their access token gets. */
  inBrowser?: number;
  /** Without a valid token; 401 unless given. */
  strangers?: number;
  path?: (ids: Ids) => string;
  body?: unknown;
};

interface Ids {
  /** The engineer's: a pending request, one that was cancelled, a grant that is over, a session that ended. */
  pending: string;
  cancelled: string;
  grant: string;
  session: string;
  /** The administrator's changes of policy: one that is open, one that was withdrawn. */
  proposal: string;
  withdrawn: string;
}

const all = (status: number) =>
  ({ engineer: status, approver: status, auditor: status, admin: status, 'deploy-bot': status }) as const;
const REASON = { reason: 'a test of routes' };
/** Which nobody has opened or scheduled. */
const [NO_REVIEW, NO_DRILL, NO_KIT] = [newId('review'), newId('drill'), newId('kit')];
const NO_STATEMENT = newId('statement');
const ASKED = { target: 'orders-db', task: 'read-orders', duration: '45s' };

/**
 * What each may do, as the status of the answer. 409 and 422 are those who are let in, with what cannot be done:
 * so nothing here changes what the next row finds.
 */
const EXPECTED: Record<RouteName, Row> = {
  'GET /healthz': { ...all(200), strangers: 200 },
  'GET /readyz': { ...all(200), strangers: 200 },
  'GET /api/keys': { engineer: 403, approver: 403, auditor: 403, admin: 200, 'deploy-bot': 403 },
  'POST /api/keys/rotate': {
    ...{ engineer: 403, approver: 403, auditor: 403, admin: 422, 'deploy-bot': 403 },
    body: { what: 'no such key' },
  },
  'GET /api/recovery': all(200),
  'POST /api/recovery': {
    ...{ engineer: 403, approver: 403, auditor: 403, admin: 422, 'deploy-bot': 403 },
    body: { reason: 'a test of routes', confirm: 'not its id' },
  },
  'POST /api/replicas/:name/drain': {
    ...{ engineer: 403, approver: 403, auditor: 403, admin: 404, 'deploy-bot': 403 },
    path: () => '/api/replicas/no-such-replica/drain',
    body: REASON,
  },
  'GET /api/replicas': { engineer: 403, approver: 403, auditor: 403, admin: 200, 'deploy-bot': 403 },
  'GET /metrics': { engineer: 403, approver: 403, auditor: 200, admin: 200, 'deploy-bot': 403 },
  'GET /api/openapi.json': { ...all(200), strangers: 200 },
  'POST /api/sign-in': {
    ...all(401),
    strangers: 401,
    body: { token: `sally_${'A'.repeat(43)}` },
  },
  // Not configured in the demo: test/features/workload-identity.test.ts.
  'POST /api/workload/token': {
    ...all(404),
    strangers: 404,
    body: {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'a.b.c',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    },
  },
  'POST /api/sign-out': all(204),
  'GET /api/me': all(200),
  'GET /api/demo/people': { ...all(200), strangers: 200 },
  'GET /api/sign-in/options': { ...all(200), strangers: 200 },
  // The demo has no identity provider: what begins there is nothing, what comes back from there is a page that says so.
  'POST /api/sign-in/oidc': { ...all(404), strangers: 404 },
  'GET /api/sign-in/oidc/callback': { ...all(303), strangers: 303 },
  'POST /api/sign-in/passkey/options': { ...all(200), strangers: 200 },
  'POST /api/sign-in/passkey': { ...all(422), strangers: 422, body: {} },
  'POST /api/registration/options': { ...all(422), strangers: 422, body: { code: 'short' } },
  'POST /api/registration': { ...all(422), strangers: 422, body: { code: 'short' } },
  // In a browser only, and this administrator has no passkey.
  'POST /api/step-up/options': { ...all(403), inBrowser: 409 },
  'POST /api/step-up': { ...all(422), 'deploy-bot': 403, body: {} },
  'POST /api/passkeys/options': { ...all(403), inBrowser: 200 },
  'POST /api/passkeys': { ...all(422), 'deploy-bot': 403, body: {} },
  'POST /api/passkeys/:id/remove': {
    ...all(403),
    inBrowser: 404,
    path: () => '/api/passkeys/psk_00000000000000000000000000/remove',
  },
  'POST /api/cli-logins': { ...all(422), 'deploy-bot': 403, body: {} },
  'POST /api/cli-logins/token': { ...all(422), strangers: 422, body: {} },
  'POST /api/device-logins': { ...all(422), strangers: 422, body: {} },
  'POST /api/device-logins/token': { ...all(422), strangers: 422, body: {} },
  'POST /api/device-logins/look': { ...all(403), inBrowser: 404, body: { userCode: 'BCDF-GHJK' } },
  'POST /api/device-logins/decide': {
    ...all(403),
    inBrowser: 404,
    body: { userCode: 'BCDF-GHJK', allow: true },
  },
  'GET /api/my-sign-in': { ...all(200), 'deploy-bot': 403 },
  'POST /api/my-sign-in/oidc': { ...all(404), 'deploy-bot': 403 },
  // An unsafe one of the demo's own page only: all of these calls come without an Origin.
  'POST /api/demo/sign-in': { ...all(403), strangers: 403, body: { person: 'engineer' } },
  'GET /api/principals': { ...all(403), admin: 200 },
  'POST /api/principals': { ...all(403), admin: 422, body: { name: 'UPPER' } },
  'POST /api/principals/:name/tokens': {
    ...all(403),
    admin: 404,
    path: () => '/api/principals/no-such-person/tokens',
    body: {},
  },
  'GET /api/principals/:name/tokens': {
    ...all(403),
    admin: 404,
    path: () => '/api/principals/no-such-person/tokens',
  },
  'POST /api/principals/:name/tokens/:id/revoke': {
    ...all(403),
    admin: 404,
    path: () => '/api/principals/deploy-bot/tokens/tok_00000000000000000000000000/revoke',
  },
  'POST /api/principals/:name/change': {
    ...all(403),
    admin: 404,
    path: () => '/api/principals/no-such-person/change',
    body: REASON,
  },
  'POST /api/principals/:name/enable': {
    ...all(403),
    admin: 404,
    path: () => '/api/principals/no-such-person/enable',
    body: REASON,
  },
  // The second person for a change of people may be one who changes policy: the demo's approvers.
  'GET /api/groups': { ...all(403), approver: 200, admin: 200 },
  'POST /api/groups': { ...all(403), admin: 422, body: { name: 'UPPER' } },
  'POST /api/groups/:name/delete': {
    ...all(403),
    admin: 404,
    path: () => '/api/groups/no-such-group/delete',
  },
  'GET /api/people-changes': { ...all(403), approver: 200, admin: 200 },
  'POST /api/people-changes/:id/confirm': {
    ...all(403),
    approver: 404,
    admin: 404,
    path: () => '/api/people-changes/pch_00000000000000000000000000/confirm',
  },
  'POST /api/people-changes/:id/refuse': {
    ...all(403),
    approver: 404,
    admin: 404,
    path: () => '/api/people-changes/pch_00000000000000000000000000/refuse',
    body: REASON,
  },
  'POST /api/principals/:name/disable': {
    ...all(403),
    admin: 409,
    path: () => '/api/principals/admin/disable',
    body: REASON,
  },
  'POST /api/principals/:name/registration-link': {
    ...all(403),
    admin: 404,
    path: () => '/api/principals/no-such-person/registration-link',
    body: {},
  },
  'POST /api/segments': { ...all(403), admin: 422, body: { path: 'UPPER' } },
  'GET /api/on-call': all(200),
  'POST /api/on-call': { ...all(403), admin: 422, body: { group: 'dba' } },
  'POST /api/on-call/:id/end': {
    ...all(403),
    admin: 404,
    path: () => '/api/on-call/shf_00000000000000000000000000/end',
  },
  'GET /api/delegations': { ...all(200), 'deploy-bot': 403 },
  'POST /api/delegations': { ...all(422), 'deploy-bot': 403, body: { standIn: 'approver' } },
  'POST /api/delegations/:id/end': {
    ...all(404),
    'deploy-bot': 403,
    path: () => '/api/delegations/dlg_00000000000000000000000000/end',
  },
  'GET /api/targets': all(200),
  'POST /api/targets': { ...all(403), admin: 422, body: { name: 'UPPER' } },
  'POST /api/targets/:name/check': {
    ...all(403),
    admin: 404,
    path: () => '/api/targets/no-such-target/check',
  },
  'GET /api/targets/:name/labels': { ...all(200), path: () => '/api/targets/orders-db/labels' },
  'POST /api/targets/:name/labels': {
    ...all(403),
    admin: 422,
    path: () => '/api/targets/orders-db/labels',
    body: { labels: [{ column: 'email', label: 'pii' }] },
  },
  'POST /api/targets/:name/labels/suggest': {
    ...all(403),
    admin: 404,
    path: () => '/api/targets/no-such-target/labels/suggest',
  },
  'GET /api/host-authority': all(200),
  'POST /api/host-keys': {
    ...{ engineer: 403, approver: 403, auditor: 403, admin: 422, 'deploy-bot': 403 },
    body: { host: '-oProxyCommand=id', port: 22 },
  },
  'POST /api/targets/:name/credential': {
    ...all(403),
    admin: 404,
    path: () => '/api/targets/no-such-target/credential',
    body: { password: 'another' },
  },
  'POST /api/targets/:name/settings': {
    ...all(403),
    admin: 404,
    path: () => '/api/targets/no-such-target/settings',
    body: { settings: { nodes: null } },
  },
  'GET /api/targets/:name/standing-access': {
    ...all(403),
    auditor: 200,
    admin: 200,
    path: () => '/api/targets/orders-db/standing-access',
  },
  'GET /api/tasks': all(200),
  'POST /api/tasks': { ...all(403), admin: 422, body: { name: 'UPPER' } },
  'GET /api/segments': all(200),
  'GET /api/segments/reach': { ...all(200), path: () => '/api/segments/reach?segment=prod/eu' },
  'POST /api/requests': { ...all(422), body: ASKED },
  // Let in, and told that one alone is no bundle.
  'POST /api/bundles': {
    ...all(422),
    body: { members: [{ target: 'orders-db', task: 'read-orders' }], duration: '45s', ...REASON },
  },
  'POST /api/requests/preview': { ...all(200), body: ASKED },
  'GET /api/requests': all(200),
  'GET /api/requests/:id': { ...all(200), 'deploy-bot': 404, path: (ids) => `/api/requests/${ids.pending}` },
  'POST /api/requests/:id/approve': {
    ...all(403),
    approver: 422,
    path: (ids) => `/api/requests/${ids.pending}/approve`,
    body: { duration: '20d' },
  },
  'POST /api/requests/:id/deny': {
    ...all(403),
    approver: 409,
    path: (ids) => `/api/requests/${ids.cancelled}/deny`,
    body: REASON,
  },
  'GET /api/statements': all(200),
  'GET /api/statements/:id': { ...all(404), path: () => `/api/statements/${NO_STATEMENT}` },
  'POST /api/statements/:id/approve': {
    ...all(404),
    'deploy-bot': 403,
    path: () => `/api/statements/${NO_STATEMENT}/approve`,
    body: { digest: 'of nothing' },
  },
  'POST /api/statements/:id/deny': {
    ...all(404),
    'deploy-bot': 403,
    path: () => `/api/statements/${NO_STATEMENT}/deny`,
    body: REASON,
  },
  'POST /api/requests/:id/cancel': {
    ...all(404),
    engineer: 409,
    path: (ids) => `/api/requests/${ids.cancelled}/cancel`,
  },
  'GET /api/grants': all(200),
  'GET /api/grants/:id': { ...all(200), 'deploy-bot': 404, path: (ids) => `/api/grants/${ids.grant}` },
  'POST /api/grants/:id/credentials': {
    ...all(404),
    engineer: 409,
    path: (ids) => `/api/grants/${ids.grant}/credentials`,
  },
  'POST /api/grants/:id/certificates': {
    ...all(422),
    path: (ids) => `/api/grants/${ids.grant}/certificates`,
    body: { publicKey: 'not a key' },
  },
  'POST /api/grants/:id/extend': {
    ...all(404),
    engineer: 409,
    path: (ids) => `/api/grants/${ids.grant}/extend`,
    body: { duration: '1m', ...REASON },
  },
  'POST /api/grants/:id/done': {
    ...all(404),
    engineer: 200,
    path: (ids) => `/api/grants/${ids.grant}/done`,
  },
  'POST /api/grants/:id/revoke': {
    ...all(200),
    auditor: 403,
    'deploy-bot': 404,
    path: (ids) => `/api/grants/${ids.grant}/revoke`,
    body: REASON,
  },
  'GET /api/grants/:id/receipt': {
    ...all(200),
    'deploy-bot': 404,
    path: (ids) => `/api/grants/${ids.grant}/receipt`,
  },
  'GET /api/break-glass': all(200),
  // Let in as far as the name that was not typed.
  'POST /api/break-glass': {
    ...all(422),
    'deploy-bot': 403,
    body: { target: 'orders-db', task: 'fix-orders', confirm: 'orders', ...REASON },
  },
  'GET /api/reviews': { ...all(200), 'deploy-bot': 403 },
  'GET /api/reviews/:id': {
    ...all(404),
    'deploy-bot': 403,
    path: () => `/api/reviews/${NO_REVIEW}`,
  },
  'POST /api/reviews/:id/verdict': {
    ...all(404),
    'deploy-bot': 403,
    path: () => `/api/reviews/${NO_REVIEW}/verdict`,
    body: { verdict: 'justified', comment: 'a test of routes' },
  },
  'GET /api/drills': { ...all(200), 'deploy-bot': 403 },
  'POST /api/drills': { ...all(403), admin: 422, body: { person: 'engineer' } },
  'POST /api/drills/:id/cancel': {
    ...all(403),
    admin: 404,
    path: () => `/api/drills/${NO_DRILL}/cancel`,
  },
  'GET /api/kits': { ...all(200), 'deploy-bot': 403 },
  'POST /api/kits': { ...all(403), admin: 422, body: { segment: 'prod' } },
  'POST /api/kits/:id/rotate': { ...all(403), admin: 404, path: () => `/api/kits/${NO_KIT}/rotate` },
  'POST /api/kits/:id/retire': { ...all(403), admin: 404, path: () => `/api/kits/${NO_KIT}/retire` },
  'POST /api/kits/:id/check': { ...all(403), admin: 404, path: () => `/api/kits/${NO_KIT}/check` },
  'GET /api/kits/:id/file': { ...all(404), 'deploy-bot': 403, path: () => `/api/kits/${NO_KIT}/file` },
  'POST /api/kits/:id/share': { ...all(404), 'deploy-bot': 403, path: () => `/api/kits/${NO_KIT}/share` },
  'GET /api/notices': all(200),
  'POST /api/notices/read': { ...all(200), body: {} },
  'POST /api/targets/:name/remove': {
    ...all(403),
    admin: 404,
    path: () => '/api/targets/no-such-target/remove',
    body: REASON,
  },
  'GET /api/kills': all(200),
  // Who may not is told so before the name is looked up; who may, that they did not confirm it.
  'POST /api/kills': {
    ...all(403),
    admin: 422,
    body: { scope: 'target', name: 'orders-db', confirm: 'orders', ...REASON },
  },
  'GET /api/kills/:id': { ...all(404), path: () => '/api/kills/kil_00000000000000000000000000' },
  'POST /api/kills/:id/lift': {
    ...all(403),
    admin: 404,
    path: () => '/api/kills/kil_00000000000000000000000000/lift',
    body: REASON,
  },
  'GET /api/sessions': all(200),
  'GET /api/sessions/:id': {
    ...all(404),
    engineer: 200,
    auditor: 200,
    admin: 200,
    path: (ids) => `/api/sessions/${ids.session}`,
  },
  'GET /api/sessions/:id/measures': {
    ...all(404),
    engineer: 200,
    auditor: 200,
    admin: 200,
    path: (ids) => `/api/sessions/${ids.session}/measures`,
  },
  // Of a session on a database: there is none, for whoever may see the session as for everybody else.
  'GET /api/sessions/:id/terminals/:entry': {
    ...all(404),
    path: (ids) => `/api/sessions/${ids.session}/terminals/0`,
  },
  'GET /api/sessions/:id/live': {
    ...all(404),
    engineer: 200,
    auditor: 200,
    admin: 200,
    path: (ids) => `/api/sessions/${ids.session}/live`,
  },
  'POST /api/sessions/:id/end': {
    ...all(404),
    engineer: 409,
    auditor: 403,
    admin: 409,
    path: (ids) => `/api/sessions/${ids.session}/end`,
    body: REASON,
  },
  'POST /api/sessions/:id/hold': {
    ...all(403),
    admin: 404,
    path: () => '/api/sessions/ses_00000000000000000000000000/hold',
    body: REASON,
  },
  'POST /api/sessions/:id/release': {
    ...all(403),
    admin: 404,
    path: () => '/api/sessions/ses_00000000000000000000000000/release',
    body: REASON,
  },
  'GET /api/audit/entries': { ...all(403), auditor: 200, admin: 200 },
  'GET /api/audit/export': { ...all(403), auditor: 200, admin: 200 },
  'GET /api/audit/checkpoint': { ...all(403), auditor: 200, admin: 200 },
  'POST /api/policy/explain': { ...all(200), body: ASKED },
  'GET /api/policy': all(200),
  'GET /api/policy/packs': all(200),
  'POST /api/policy/packs': {
    ...all(403),
    admin: 404,
    body: { segment: 'no/such/segment', owner: null },
  },
  'POST /api/policy/plan': {
    ...all(403),
    approver: 422,
    admin: 422,
    body: { files: { 'broken.cedar': 'permit (' } },
  },
  'GET /api/policy/history': all(200),
  'GET /api/policy/proposals': all(200),
  'POST /api/policy/proposals': {
    ...all(403),
    approver: 422,
    admin: 422,
    body: { files: { 'broken.cedar': 'permit (' }, comment: 'a test of routes' },
  },
  'GET /api/policy/proposals/:id': {
    ...all(200),
    engineer: 404,
    'deploy-bot': 404,
    path: (ids) => `/api/policy/proposals/${ids.proposal}`,
  },
  'POST /api/policy/proposals/:id/sign': {
    ...all(403),
    approver: 409,
    admin: 409,
    path: (ids) => `/api/policy/proposals/${ids.proposal}/sign`,
    body: { digest: '0'.repeat(64) },
  },
  'POST /api/policy/proposals/:id/refuse': {
    ...all(403),
    approver: 409,
    admin: 409,
    path: (ids) => `/api/policy/proposals/${ids.withdrawn}/refuse`,
    body: REASON,
  },
  'POST /api/policy/proposals/:id/withdraw': {
    ...all(404),
    admin: 409,
    'deploy-bot': 403,
    path: (ids) => `/api/policy/proposals/${ids.withdrawn}/withdraw`,
  },
  'GET /api/policy/sentences': all(200),
  'POST /api/policy/check': { ...all(403), approver: 200, admin: 200, body: { text: 'permit (' } },
  'GET /api/health': { ...all(403), auditor: 200, admin: 200 },
  'GET /api/insights': all(200),
  'GET /api/events': all(200),
  // Nobody of these is a directory: test/features/scim.test.ts.
  'GET /scim/v2/ServiceProviderConfig': all(403),
  'GET /scim/v2/Schemas': all(403),
  'GET /scim/v2/Schemas/:id': all(403),
  'GET /scim/v2/ResourceTypes': all(403),
  'GET /scim/v2/ResourceTypes/:id': all(403),
  'GET /scim/v2/Users': all(403),
  'POST /scim/v2/Users': all(403),
  'GET /scim/v2/Users/:id': all(403),
  'PUT /scim/v2/Users/:id': all(403),
  'PATCH /scim/v2/Users/:id': all(403),
  'DELETE /scim/v2/Users/:id': all(403),
  'GET /scim/v2/Groups': all(403),
  'POST /scim/v2/Groups': all(403),
  'GET /scim/v2/Groups/:id': all(403),
  'PUT /scim/v2/Groups/:id': all(403),
  'PATCH /scim/v2/Groups/:id': all(403),
  'DELETE /scim/v2/Groups/:id': all(403),
};

const SECURITY_HEADERS: Record<string, RegExp> = {
  'content-security-policy': /default-src 'self'.*object-src 'none'.*frame-ancestors 'none'/,
  'x-content-type-options': /^nosniff$/,
  'x-frame-options': /^DENY$/,
  'referrer-policy': /^no-referrer$/,
  'cross-origin-opener-policy': /^same-origin$/,
  'cross-origin-resource-policy': /^same-origin$/,
};

let sallyport: Sallyport;
let store: pg.Client;
let ids: Ids;
const tokens = new Map<Stranger, string>();

before(async () => {
  sallyport = await startSallyport();
  store = new pg.Client({ connectionString: sallyport.storeUrl() });
  await store.connect();
  ids = await makeThings();
  await makeStrangers();
});
after(async () => {
  await store.end();
  await sallyport[Symbol.asyncDispose]();
});

async function makeThings(): Promise<Ids> {
  const fix = () =>
    sallyport.ask('engineer', 'POST', '/api/requests', submitted, {
      ...ASKED,
      task: 'fix-orders',
      ...REASON,
    });
  const [pending, cancelled] = [(await fix()).request.id, (await fix()).request.id];
  await sallyport.ask('engineer', 'POST', `/api/requests/${cancelled}/cancel`, submitted);
  const granted = await readGrant();
  const client = new pg.Client({ connectionString: await dsnOf(granted.id) });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('select count(*) from orders');
  await client.end();
  await sallyport.ask('engineer', 'POST', `/api/grants/${granted.id}/done?wait=20`, grantSchema);
  const sessions = await sallyport.ask(
    'engineer',
    'GET',
    `/api/sessions?grant=${granted.id}`,
    pageOf(session),
  );
  const propose = async (text: string) => {
    const body = { files: { ...(await policiesInForce(sallyport)), 'more.cedar': text }, comment: 'a test' };
    return (await sallyport.ask('admin', 'POST', '/api/policy/proposals', changeAnswer, body)).proposal.id;
  };
  const [proposal, withdrawn] = [await propose('// one\n'), await propose('// two\n')];
  await sallyport.ask('admin', 'POST', `/api/policy/proposals/${withdrawn}/withdraw`, changeAnswer);
  const sessionId = sessions.items[0]?.id ?? '';
  return { pending, cancelled, grant: granted.id, session: sessionId, proposal, withdrawn };
}

async function readGrant(): Promise<Grant> {
  const got = await sallyport.ask('engineer', 'POST', '/api/requests?wait=20', submitted, {
    ...ASKED,
    duration: '30m',
    ...REASON,
  });
  assert.equal(got.grant?.state, 'active');
  return got.grant;
}

async function dsnOf(grantId: string): Promise<string> {
  return (await sallyport.ask('engineer', 'POST', `/api/grants/${grantId}/credentials`, issuedCredential))
    .dsn;
}

// Written into the store as its own code writes them: there is no route that makes a token that has expired.
async function makeStrangers(): Promise<void> {
  const insert = async (principalId: string, columns: { expires: string; revoked: string | null }) => {
    const token = `sally_${randomBytes(32).toString('base64url')}`;
    await store.query(
      `insert into tokens (id, principal_id, kind, name, hash, expires_at, revoked_at)
       values ($1, $2, 'api', 'test', $3, now() + $4::interval, $5::timestamptz)`,
      [
        newId('token'),
        principalId,
        createHash('sha256').update(token).digest(),
        columns.expires,
        columns.revoked,
      ],
    );
    return token;
  };
  const { rows } = await store.query("select id from principals where name = 'admin'");
  const admin = String(rows[0]?.id);
  const disabled = newId('principal');
  await store.query(
    `insert into principals (id, kind, name, display_name, account_type, disabled_at)
     values ($1, 'person', 'gone-admin', 'Gone', 'employee', now())`,
    [disabled],
  );
  await store.query(
    "insert into memberships (group_id, principal_id) select id, $1 from groups where name = 'administrators'",
    [disabled],
  );
  tokens.set('malformed', 'sally_short');
  tokens.set('unknown', `sally_${'B'.repeat(43)}`);
  tokens.set('expired', await insert(admin, { expires: '-1 second', revoked: null }));
  tokens.set(
    'revoked',
    await insert(admin, { expires: '1 day', revoked: new Date(Date.now() - 1_000).toISOString() }),
  );
  tokens.set('disabled', await insert(disabled, { expires: '1 day', revoked: null }));
}

let address = 0;
/** Failures are counted by address, so each call of a stranger has one of its own. */
function newAddress(): string {
  address += 1;
  return `127.77.${Math.floor(address / 250)}.${(address % 250) + 1}`;
}

const names = Object.keys(GUARD) as RouteName[];
const split = (name: RouteName): [method: string, path: string] => {
  const [method = '', url = ''] = name.split(' ');
  return [method, EXPECTED[name].path?.(ids) ?? url];
};

function send(name: RouteName, more: Partial<RawRequest> = {}): Promise<RawAnswer> {
  const [method, path] = split(name);
  const body = method === 'POST' ? (EXPECTED[name].body ?? {}) : undefined;
  return rawHttp({ server: sallyport.server(), method, path, body, ...more });
}

/** SCIM's form of an error has no place for it. */
const codeOf = (answer: RawAnswer) => answer.headers['sallyport-code'] ?? answer.json?.code;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

test('every route of the table has its row here, and no row is for a route that is gone', () => {
  assert.deepEqual(Object.keys(EXPECTED).sort(), [...names].sort());
});

describe('who may call what', () => {
  for (const name of names) {
    test(name, async () => {
      const row = EXPECTED[name];
      for (const stranger of STRANGERS) {
        const token = tokens.get(stranger);
        // Loopback without any token is what a scraper on this machine has.
        const expected = name === 'GET /metrics' && token === undefined ? 200 : (row.strangers ?? 401);
        const answer = await send(name, {
          from: newAddress(),
          ...(token === undefined ? {} : { headers: bearer(token) }),
        });
        assert.equal(answer.status, expected, `${stranger}: ${answer.text.slice(0, 300)}`);
        checkHeaders(name, answer);
        if (expected === 401) {
          assert.equal(codeOf(answer), 'unauthenticated');
          assert.equal(answer.headers['www-authenticate'], 'Bearer');
        }
      }
      for (const person of PEOPLE) {
        // Signing out would end the demo's own token: it gets one that was made for this.
        const token = name === 'POST /api/sign-out' ? await cookieOf(person) : sallyport.token(person);
        const answer = await send(name, { headers: bearer(token) });
        assert.equal(answer.status, row[person], `${person}: ${answer.text.slice(0, 300)}`);
        checkHeaders(name, answer);
      }
    });
  }
});

function checkHeaders(where: string, answer: RawAnswer): void {
  for (const [header, form] of Object.entries(SECURITY_HEADERS)) {
    assert.match(String(answer.headers[header]), form, `${where}: ${header}`);
  }
  assert.equal(answer.headers['access-control-allow-origin'], undefined, where);
  assert.equal(answer.headers['x-powered-by'], undefined, where);
  assert.equal(answer.headers.server, undefined, where);
  if (answer.status >= 400) {
    const form = where.includes('/scim/') ? /^application\/scim\+json/ : /^application\/problem\+json/;
    assert.match(String(answer.headers['content-type']), form, where);
    assert.equal(Number(answer.json?.status), answer.status, where);
    assert.doesNotMatch(answer.text, /\bat .*\.ts:\d+|node_modules|select .* from/i, where);
  }
  if (/\/(api|scim)\//.test(where)) assert.equal(answer.headers['cache-control'], 'no-store', where);
}

async function cookieOf(person: Person): Promise<string> {
  const answer = await rawHttp({
    server: sallyport.server(),
    method: 'POST',
    path: '/api/sign-in',
    body: { token: sallyport.token(person) },
  });
  assert.equal(answer.status, 200, answer.text);
  const [cookie = ''] = answer.headers['set-cookie'] ?? [];
  assert.match(cookie, /^sallyport=[^;]+;.*HttpOnly.*SameSite=Strict/i);
  return cookie.slice('sallyport='.length, cookie.indexOf(';'));
}

describe('the cookie', () => {
  test('works on safe methods from anywhere, and on unsafe ones only from our own page', async () => {
    const cookie = `sallyport=${await cookieOf('admin')}`;
    const own = sallyport.server();
    const port = Number(new URL(own).port);
    const foreign = [
      undefined,
      'null',
      'http://evil.example',
      `http://127.0.0.1:${port + 1}`,
      `http://127.0.0.1.evil.example:${port}`,
      `http://evil.example:${port}`,
      `${own}.evil.example`,
      `${own}/`,
      '',
    ];
    const unsafe = names.filter((name) => name.startsWith('POST ') && !GUARD[name].match(/anyone|loopback/));
    assert.ok(unsafe.length > 10);
    for (const name of unsafe) {
      for (const origin of foreign) {
        const answer = await send(name, {
          headers: { cookie, ...(origin === undefined ? {} : { origin }) },
        });
        assert.equal(answer.status, 403, `${name} from ${origin}: ${answer.text}`);
        assert.equal(codeOf(answer), 'cross-site', `${name} from ${origin}`);
      }
      if (name === 'POST /api/sign-out') continue;
      const answer = await send(name, { headers: { cookie, origin: own } });
      const { admin, inBrowser = admin } = EXPECTED[name];
      assert.equal(answer.status, inBrowser, `${name} from our own page: ${answer.text}`);
    }
    for (const name of names.filter((one) => one.startsWith('GET '))) {
      const answer = await send(name, { headers: { cookie } });
      assert.equal(answer.status, EXPECTED[name].admin, `${name}: ${answer.text.slice(0, 300)}`);
    }
  });

  test('signing in is not for other sites either: nobody is signed in as somebody else behind their back', async () => {
    for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:1']) {
      const answer = await rawHttp({
        server: sallyport.server(),
        method: 'POST',
        path: '/api/sign-in',
        headers: { origin },
        body: { token: sallyport.token('engineer') },
      });
      assert.equal(answer.status, 403, `${origin}: ${answer.text}`);
      assert.equal(answer.headers['set-cookie'], undefined);
    }
  });

  test('a form of another site has no content type that is read', async () => {
    const cookie = `sallyport=${await cookieOf('admin')}`;
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const answer = await send('POST /api/requests', {
        headers: { cookie, origin: sallyport.server(), 'content-type': type },
      });
      assert.equal(answer.status, 415, `${type}: ${answer.text}`);
    }
  });

  test('after signing out it is worth nothing', async () => {
    const cookie = `sallyport=${await cookieOf('auditor')}`;
    const out = await send('POST /api/sign-out', { headers: { cookie, origin: sallyport.server() } });
    assert.equal(out.status, 204);
    assert.match(String(out.headers['set-cookie']), /^sallyport=;/);
    assert.equal((await send('GET /api/me', { headers: { cookie }, from: newAddress() })).status, 401);
  });

  test('a session that the caller brings along is not taken over', async () => {
    const brought = `sally_${'C'.repeat(43)}`;
    const answer = await rawHttp({
      server: sallyport.server(),
      method: 'POST',
      path: '/api/sign-in',
      headers: { cookie: `sallyport=${brought}` },
      body: { token: sallyport.token('engineer') },
    });
    assert.equal(answer.status, 200);
    assert.equal(String(answer.headers['set-cookie']).includes(brought), false);
  });
});

describe('headers that only a proxy or another part of a system should write', () => {
  const forged = {
    'x-forwarded-for': '10.1.2.3, 10.9.9.9',
    'x-real-ip': '10.1.2.3',
    forwarded: 'for=10.1.2.3;proto=https;host=evil.example',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    'x-client-ip': '10.1.2.3',
    'true-client-ip': '10.1.2.3',
    'cf-connecting-ip': '10.1.2.3',
    'x-user': 'admin',
    'x-remote-user': 'admin',
    'remote-user': 'admin',
    'x-sallyport-principal': 'admin',
    'x-warpgate-username': 'admin',
    'x-http-method-override': 'DELETE',
    'x-original-url': '/api/audit/entries',
    'x-rewrite-url': '/api/audit/entries',
  };

  test('make nobody else of the caller, and change neither address nor route', async () => {
    const nobody = await send('GET /api/me', { headers: forged, from: newAddress() });
    assert.equal(nobody.status, 401);
    const me = await send('GET /api/me', {
      headers: { ...forged, ...bearer(sallyport.token('engineer')) },
    });
    assert.equal(me.json?.name, 'engineer');
    assert.deepEqual(me.json?.rights, []);
    const asked = await send('POST /api/requests', {
      headers: { ...forged, ...bearer(sallyport.token('engineer')) },
      body: { ...ASKED, task: 'fix-orders', ...REASON },
      from: '127.66.5.4',
    });
    assert.equal(asked.status, 201, asked.text);
    const { request } = submitted.parse(asked.json);
    assert.equal(request.sourceAddress, '127.66.5.4');
    const { rows } = await store.query(
      "select leaf::jsonb ->> 'sourceAddress' as address from audit_entries where request_id = $1",
      [request.id],
    );
    assert.deepEqual(rows, [{ address: '127.66.5.4' }]);
  });

  test('let nobody past the count of failures by naming other addresses', async () => {
    const from = newAddress();
    const statuses: number[] = [];
    for (let i = 0; i < 60; i++) {
      const answer = await send('GET /api/me', {
        from,
        headers: {
          'x-forwarded-for': `10.0.0.${i}`,
          ...bearer(`sally_${randomBytes(32).toString('base64url')}`),
        },
      });
      statuses.push(answer.status);
    }
    assert.equal(statuses[0], 401);
    assert.equal(statuses.at(-1), 429);
    const valid = await send('GET /api/me', { from, headers: bearer(sallyport.token('engineer')) });
    assert.equal(
      valid.status,
      200,
      "somebody's wrong tokens lock nobody else out, not even from the same address",
    );
  });

  test('a Host of another name gets neither the demo nor the metrics without a token', async () => {
    const port = new URL(sallyport.server()).port;
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      `127.0.0.1.evil.example:${port}`,
      `localhost.evil:${port}`,
    ]) {
      assert.equal((await send('GET /api/demo/people', { headers: { host } })).status, 403, host);
      assert.equal((await send('GET /metrics', { headers: { host } })).status, 401, host);
      const signIn = await send('POST /api/demo/sign-in', {
        headers: { host, origin: `http://${host}` },
        body: { person: 'admin' },
      });
      assert.equal(signIn.status, 403, host);
    }
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) {
      assert.equal((await send('GET /api/demo/people', { headers: { host } })).status, 200, host);
    }
  });
});

describe('paths', () => {
  const TRAVERSALS = [
    '/../../../../etc/passwd',
    '/..%2f..%2f..%2f..%2fetc/passwd',
    '/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
    '/%252e%252e%252f%252e%252e%252fetc/passwd',
    '/assets/../../../package.json',
    '/assets/..%2f..%2f..%2fpackage.json',
    '/assets/%2e%2e%5c%2e%2e%5cpackage.json',
    '/assets/....//....//package.json',
    '/assets/%00',
    '/index.html%00.png',
    '/..\\..\\package.json',
    '//etc/passwd',
    '/.git/config',
    '/demo.json',
    '/keys/master.key',
    '/%c0%ae%c0%ae/etc/passwd',
    '/%',
    '/%zz',
    '/api/../demo.json',
    `/${'a'.repeat(5_000)}`,
  ];
  const IDS = [
    '..',
    '..%2f..%2fdemo.json',
    '%2e%2e%2f%2e%2e%2fkeys%2fmaster.key',
    'ses_..%2f..%2f..%2f..%2f..%2f..%2fetc',
    "' or 1=1 --",
    '%27%20or%201=1%20--',
    'ses_01jd2q0v6w8x9y0z1a2b3c4d5%00',
    'SES_01JD2Q0V6W8X9Y0Z1A2B3C4D5G',
    '%ff%fe',
    '*',
    'null',
    '0',
    'a'.repeat(199),
    'a'.repeat(5_000),
    'ses_01jd2q0v6w8x9y0z1a2b3c4d5g',
  ];

  test('that lead out of the portal give nothing', async () => {
    for (const path of TRAVERSALS) {
      for (const headers of [{}, { accept: 'text/html' }]) {
        const answer = await rawHttp({ server: sallyport.server(), path: encodeSpaces(path), headers });
        const shell = answer.status === 200 && /<div id="root">/.test(answer.text);
        assert.ok(shell || [400, 403, 404, 414].includes(answer.status), `${path}: ${answer.status}`);
        assert.doesNotMatch(answer.text, /root:|"dependencies"|\[core\]|sally_[A-Za-z0-9_-]{43}/, path);
      }
    }
  });

  test('with ids that are none give nothing and break nothing', async () => {
    const withIds = names.filter((name) => name.includes('/:'));
    assert.ok(withIds.length > 10);
    for (const name of withIds) {
      const [method = '', url = ''] = name.split(' ');
      for (const id of IDS) {
        const answer = await rawHttp({
          server: sallyport.server(),
          method,
          path: encodeSpaces(url.replace(/:(id|name)/, id)),
          headers: bearer(sallyport.token('admin')),
          ...(method === 'POST' ? { body: EXPECTED[name].body ?? {} } : {}),
        });
        assert.ok(
          [400, 403, 404, 405, 414, 422].includes(answer.status),
          `${name} with ${id.slice(0, 40)}: ${answer.status} ${answer.text.slice(0, 200)}`,
        );
      }
    }
    assert.equal((await send('GET /healthz')).status, 200);
  });

  test('of another kind of thing are foreign: an id of a grant is none of a request', async () => {
    for (const [path, id] of [
      ['/api/requests/', ids.grant],
      ['/api/grants/', ids.pending],
      ['/api/sessions/', ids.grant],
      ['/api/grants/', ids.session],
    ]) {
      const answer = await rawHttp({
        server: sallyport.server(),
        path: `${path}${id}`,
        headers: bearer(sallyport.token('admin')),
      });
      assert.equal(answer.status, 404, `${path}${id}: ${answer.text}`);
    }
  });

  test('a query or a fragment does not get past the guard', async () => {
    for (const path of [
      '/api/audit/entries?/healthz',
      '/api/audit/entries?x=/api/openapi.json',
      '/api/audit/entries#/healthz',
      '/api/audit/entries/',
      '/api//audit/entries',
      '/api/audit/./entries',
      '/healthz/../api/audit/entries',
      '/API/AUDIT/ENTRIES',
      '/api/audit/entries;/healthz',
    ]) {
      const answer = await rawHttp({ server: sallyport.server(), path, from: newAddress() });
      assert.ok([400, 401, 404].includes(answer.status), `${path}: ${answer.status}`);
    }
  });
});

test('methods that the table does not name are refused, for administrators too', async () => {
  const paths = new Set(names.map((name) => split(name)[1]));
  for (const path of paths) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      if (names.some((name) => split(name)[0] === method && split(name)[1] === path)) continue;
      // To GET it is a request of that name, and an id that is none.
      if (method === 'GET' && path === '/api/requests/preview') continue;
      const answer = await rawHttp({
        server: sallyport.server(),
        method,
        path,
        headers: bearer(sallyport.token('admin')),
      });
      assert.ok([400, 404, 405].includes(answer.status), `${method} ${path}: ${answer.status}`);
    }
  }
});

test('bodies: none that is too large, malformed or of another shape does anything, and none is read before the guard', async () => {
  const large = JSON.stringify({ reason: 'x'.repeat(10 * 1024 * 1024) });
  // Signing out needs no body and would do it.
  const unsafe = names.filter((name) => name.startsWith('POST ') && name !== 'POST /api/sign-out');
  const before = await counts();
  for (const name of unsafe) {
    const access = GUARD[name];
    const open = access === 'anyone' || access === 'loopback';
    const headers = open ? {} : bearer(sallyport.token('admin'));
    const status = async (body: string) =>
      (await send(name, { headers, body }).catch(() => ({ status: 413 }))).status;
    const tooLarge = await status(large);
    assert.ok([413, 403].includes(tooLarge), `${name}: ten megabytes: ${tooLarge}`);
    for (const body of [
      '{',
      '[]',
      'null',
      '"text"',
      '{"__proto__": {"admin": true}}',
      '\u0000',
      '{"a":1}}',
    ]) {
      const got = await status(body);
      // What needs no body does not mind an object that it does not read.
      assert.ok(got < 500, `${name} with ${body}: ${got}`);
      if (EXPECTED[name].body !== undefined && name !== 'POST /api/requests/:id/approve')
        assert.ok(got >= 400, `${name} with ${body}: ${got}`);
    }
    if (open) continue;
    const stranger = await send(name, { body: '{', from: newAddress() });
    assert.equal(stranger.status, 401, `${name}: a stranger's body is not looked at`);
  }
  assert.deepEqual(await counts(), before, 'nothing was made');
});

async function counts(): Promise<unknown> {
  const { rows } = await store.query(
    `select (select count(*) from requests) as requests, (select count(*) from approvals) as approvals,
      (select count(*) from targets) as targets, (select count(*) from tasks) as tasks,
      (select count(*) from policy_sets) as policies, (select count(*) from policy_proposals) as proposals`,
  );
  return rows;
}

/** A request line cannot hold a space; the rest is sent as it is. */
function encodeSpaces(path: string): string {
  return path.replaceAll(' ', '%20').replaceAll("'", '%27');
}
