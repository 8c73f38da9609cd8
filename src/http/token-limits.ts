// What a limited token may be used for: one row a route, as in guard.ts, and one check that every call of a token
// passes. A limit only takes away: whether the principal may at all is asked after it, as for everybody.

import type { TokenScope } from '../api/people.ts';
import { isInRanges, parseAddressRange } from '../base/address-ranges.ts';
import { Failure } from '../base/errors.ts';
import type { TokenLimits } from '../identity/tokens.ts';
import type { RouteName } from './guard.ts';

/**
 * `open` routes look at no token; `any` is what every token may, from where it may be used; `whole` is how people
 * sign in, which no limited token may touch: it could make itself a wider one.
 */
export type RouteScope = TokenScope | 'open' | 'any' | 'whole';

export const ROUTE_SCOPE = {
  'GET /healthz': 'open',
  'GET /readyz': 'open',
  'GET /api/replicas': 'administer',
  'POST /api/replicas/:name/drain': 'administer',
  'GET /api/keys': 'administer',
  'POST /api/keys/rotate': 'whole',
  'GET /api/recovery': 'read',
  'POST /api/recovery': 'whole',
  'GET /metrics': 'audit',
  'GET /api/openapi.json': 'open',

  'POST /api/sign-in': 'open',
  'GET /api/sign-in/options': 'open',
  'POST /api/sign-in/oidc': 'open',
  'GET /api/sign-in/oidc/callback': 'open',
  'POST /api/sign-out': 'any',
  'GET /api/my-sign-in': 'whole',
  'POST /api/sign-in/passkey/options': 'open',
  'POST /api/sign-in/passkey': 'open',
  'POST /api/registration/options': 'open',
  'POST /api/registration': 'open',
  'POST /api/step-up/options': 'any',
  'POST /api/step-up': 'any',
  'POST /api/passkeys/options': 'whole',
  'POST /api/passkeys': 'whole',
  'POST /api/passkeys/:id/remove': 'whole',
  'POST /api/cli-logins': 'whole',
  'POST /api/cli-logins/token': 'open',
  'POST /api/device-logins': 'open',
  'POST /api/device-logins/token': 'open',
  'POST /api/device-logins/look': 'whole',
  'POST /api/device-logins/decide': 'whole',
  'POST /api/my-sign-in/oidc': 'whole',
  'GET /api/me': 'any',
  'GET /api/demo/people': 'open',
  'POST /api/demo/sign-in': 'open',

  'POST /api/workload/token': 'open',

  'GET /api/principals': 'administer',
  'POST /api/principals': 'administer',
  'GET /api/principals/:name/tokens': 'administer',
  'POST /api/principals/:name/tokens': 'administer',
  'POST /api/principals/:name/tokens/:id/revoke': 'administer',
  'POST /api/principals/:name/registration-link': 'whole',
  'POST /api/principals/:name/disable': 'administer',
  'POST /api/principals/:name/change': 'administer',
  'POST /api/principals/:name/enable': 'administer',

  'GET /api/groups': 'administer',
  'POST /api/groups': 'administer',
  'POST /api/groups/:name/delete': 'administer',
  'GET /api/people-changes': 'administer',
  'POST /api/people-changes/:id/confirm': 'administer',
  'POST /api/people-changes/:id/refuse': 'administer',

  'GET /api/targets': 'read',
  'POST /api/targets': 'administer',
  'GET /api/host-authority': 'read',
  'POST /api/host-keys': 'administer',
  'POST /api/targets/:name/check': 'administer',
  'POST /api/targets/:name/credential': 'administer',
  'POST /api/targets/:name/settings': 'administer',
  'POST /api/targets/:name/remove': 'administer',
  'GET /api/targets/:name/standing-access': 'audit',
  'GET /api/targets/:name/labels': 'read',
  'POST /api/targets/:name/labels': 'administer',
  'POST /api/targets/:name/labels/suggest': 'administer',
  'GET /api/segments': 'read',
  'POST /api/segments': 'administer',
  'GET /api/on-call': 'read',
  'POST /api/on-call': 'administer',
  'POST /api/on-call/:id/end': 'administer',
  'GET /api/delegations': 'read',
  'POST /api/delegations': 'approve',
  'POST /api/delegations/:id/end': 'approve',
  'GET /api/segments/reach': 'read',
  'GET /api/tasks': 'read',
  'POST /api/tasks': 'administer',

  'POST /api/requests': 'request',
  'POST /api/bundles': 'request',
  'POST /api/requests/preview': 'read',
  'GET /api/requests': 'read',
  'GET /api/requests/:id': 'read',
  'POST /api/requests/:id/approve': 'approve',
  'POST /api/requests/:id/deny': 'approve',
  'GET /api/statements': 'read',
  'GET /api/statements/:id': 'read',
  'POST /api/statements/:id/approve': 'approve',
  'POST /api/statements/:id/deny': 'approve',
  'POST /api/requests/:id/cancel': 'request',

  'GET /api/grants': 'read',
  'GET /api/grants/:id': 'read',
  'POST /api/grants/:id/credentials': 'request',
  'POST /api/grants/:id/certificates': 'request',
  'POST /api/grants/:id/extend': 'request',
  'POST /api/grants/:id/done': 'request',
  'POST /api/grants/:id/revoke': 'revoke',
  'GET /api/grants/:id/receipt': 'read',

  'GET /api/break-glass': 'read',
  'POST /api/break-glass': 'request',
  'GET /api/reviews': 'read',
  'GET /api/reviews/:id': 'read',
  'POST /api/reviews/:id/verdict': 'approve',
  'GET /api/drills': 'read',
  'POST /api/drills': 'administer',
  'POST /api/drills/:id/cancel': 'administer',
  'GET /api/kits': 'read',
  'POST /api/kits': 'administer',
  'POST /api/kits/:id/rotate': 'administer',
  'POST /api/kits/:id/retire': 'administer',
  'POST /api/kits/:id/check': 'administer',
  'GET /api/kits/:id/file': 'whole',
  'POST /api/kits/:id/share': 'whole',
  'GET /api/notices': 'read',
  'POST /api/notices/read': 'read',
  'GET /api/kills': 'read',
  'POST /api/kills': 'revoke',
  'GET /api/kills/:id': 'read',
  'POST /api/kills/:id/lift': 'administer',

  'GET /api/sessions': 'read',
  'GET /api/sessions/:id': 'read',
  'GET /api/sessions/:id/measures': 'read',
  'GET /api/sessions/:id/live': 'read',
  'GET /api/sessions/:id/terminals/:entry': 'read',
  'POST /api/sessions/:id/end': 'revoke',
  'POST /api/sessions/:id/hold': 'administer',
  'POST /api/sessions/:id/release': 'administer',

  'GET /api/audit/entries': 'audit',
  'GET /api/audit/export': 'audit',
  'GET /api/audit/checkpoint': 'audit',

  'POST /api/policy/explain': 'read',
  'GET /api/policy': 'read',
  'GET /api/policy/sentences': 'read',
  'POST /api/policy/check': 'policy',
  'GET /api/policy/history': 'read',
  'GET /api/policy/proposals': 'read',
  'GET /api/policy/proposals/:id': 'read',
  'GET /api/policy/packs': 'read',
  'POST /api/policy/packs': 'policy',
  'POST /api/policy/plan': 'policy',
  'POST /api/policy/proposals': 'policy',
  'POST /api/policy/proposals/:id/sign': 'policy',
  'POST /api/policy/proposals/:id/refuse': 'policy',
  'POST /api/policy/proposals/:id/withdraw': 'policy',

  'GET /api/health': 'read',
  'GET /api/insights': 'read',
  'GET /api/events': 'read',

  'GET /scim/v2/ServiceProviderConfig': 'scim',
  'GET /scim/v2/Schemas': 'scim',
  'GET /scim/v2/Schemas/:id': 'scim',
  'GET /scim/v2/ResourceTypes': 'scim',
  'GET /scim/v2/ResourceTypes/:id': 'scim',
  'GET /scim/v2/Users': 'scim',
  'POST /scim/v2/Users': 'scim',
  'GET /scim/v2/Users/:id': 'scim',
  'PUT /scim/v2/Users/:id': 'scim',
  'PATCH /scim/v2/Users/:id': 'scim',
  'DELETE /scim/v2/Users/:id': 'scim',
  'GET /scim/v2/Groups': 'scim',
  'POST /scim/v2/Groups': 'scim',
  'GET /scim/v2/Groups/:id': 'scim',
  'PUT /scim/v2/Groups/:id': 'scim',
  'PATCH /scim/v2/Groups/:id': 'scim',
  'DELETE /scim/v2/Groups/:id': 'scim',
} as const satisfies Record<RouteName, RouteScope>;

/** Errors: `token-address`, `token-scope`. The address is asked first: from elsewhere a token says nothing of itself. */
export function checkLimits(limits: TokenLimits, name: RouteName, sourceAddress: string): void {
  checkAddress(limits, sourceAddress);
  const needed: RouteScope = ROUTE_SCOPE[name];
  if (needed === 'open' || needed === 'any') return;
  const free = needed === 'whole' ? limits.addressRanges === null : true;
  if (limits.scopes === null ? free : needed !== 'whole' && limits.scopes.includes(needed)) return;
  const lack = needed === 'whole' ? 'it is limited' : `it lacks the scope "${needed}"`;
  throw new Failure('denied', 'token-scope', `This token is not for that: ${lack}.`, {
    hint: 'Use another token, or have one issued that may.',
    facts: { needed, scopes: limits.scopes === null ? null : [...limits.scopes] },
  });
}

/** Errors: `token-address`. */
export function checkAddress({ addressRanges }: TokenLimits, sourceAddress: string): void {
  if (addressRanges === null || isInRanges(addressRanges.map(parseAddressRange), sourceAddress)) return;
  throw new Failure('denied', 'token-address', `This token does not work from ${sourceAddress}.`, {
    hint: 'It is limited to other addresses. Behind a proxy, `http.trustedProxies` has to name it.',
  });
}
