// Who may call what: one row a route, on one screen. A route without a row cannot be registered, and a row without a
// route fails the start, so this table is the truth. What a principal may see and do beyond this (its own grants,
// requests that it may decide) the use-cases decide by policy.

/**
 * `loopback` is anyone on this machine, with a Host that names it; `metrics` is loopback, or the right to audit;
 * `keepPeople` is the right to administer or to change policy: either is a second person for a change of people;
 * `directory` is a service of the group of that name, with a token that has the scope `scim` by name.
 */
export type Access =
  | 'anyone'
  | 'loopback'
  | 'signed-in'
  | 'person'
  | 'audit'
  | 'administer'
  | 'changePolicy'
  | 'keepPeople'
  | 'metrics'
  | 'directory';

export const GUARD = {
  'GET /healthz': 'anyone',
  'GET /readyz': 'anyone',
  'GET /metrics': 'metrics',
  'GET /api/openapi.json': 'anyone',

  'POST /api/sign-in': 'anyone',
  'POST /api/sign-out': 'signed-in',
  'GET /api/me': 'signed-in',
  'GET /api/sign-in/options': 'anyone',
  'POST /api/sign-in/oidc': 'anyone',
  'GET /api/sign-in/oidc/callback': 'anyone',
  'POST /api/sign-in/passkey/options': 'anyone',
  'POST /api/sign-in/passkey': 'anyone',
  'POST /api/registration/options': 'anyone',
  'POST /api/registration': 'anyone',
  'POST /api/step-up/options': 'person',
  'POST /api/step-up': 'person',
  'POST /api/passkeys/options': 'person',
  'POST /api/passkeys': 'person',
  'POST /api/passkeys/:id/remove': 'person',
  'POST /api/cli-logins': 'person',
  'POST /api/cli-logins/token': 'anyone',
  'POST /api/device-logins': 'anyone',
  'POST /api/device-logins/token': 'anyone',
  'POST /api/device-logins/look': 'person',
  'POST /api/device-logins/decide': 'person',
  'GET /api/my-sign-in': 'person',
  'POST /api/my-sign-in/oidc': 'person',
  'GET /api/demo/people': 'loopback',
  'POST /api/demo/sign-in': 'loopback',

  'POST /api/workload/token': 'anyone',

  'GET /api/principals': 'administer',
  'POST /api/principals': 'administer',
  'GET /api/principals/:name/tokens': 'administer',
  'POST /api/principals/:name/tokens': 'administer',
  'POST /api/principals/:name/tokens/:id/revoke': 'administer',
  'POST /api/principals/:name/change': 'administer',
  'POST /api/principals/:name/disable': 'administer',
  'POST /api/principals/:name/enable': 'administer',
  'POST /api/principals/:name/registration-link': 'administer',

  'GET /api/groups': 'keepPeople',
  'POST /api/groups': 'administer',
  'POST /api/groups/:name/delete': 'administer',
  'GET /api/people-changes': 'keepPeople',
  'POST /api/people-changes/:id/confirm': 'keepPeople',
  'POST /api/people-changes/:id/refuse': 'keepPeople',

  'POST /api/segments': 'administer',

  'GET /api/on-call': 'signed-in',
  'POST /api/on-call': 'administer',
  'POST /api/on-call/:id/end': 'administer',
  'GET /api/delegations': 'person',
  'POST /api/delegations': 'person',
  'POST /api/delegations/:id/end': 'person',

  'GET /api/targets': 'signed-in',
  'POST /api/targets': 'administer',
  'GET /api/host-authority': 'signed-in',
  'POST /api/host-keys': 'administer',
  'POST /api/targets/:name/check': 'administer',
  'POST /api/targets/:name/credential': 'administer',
  'POST /api/targets/:name/settings': 'administer',
  'POST /api/targets/:name/remove': 'administer',
  'GET /api/targets/:name/standing-access': 'audit',
  'GET /api/targets/:name/labels': 'signed-in',
  'POST /api/targets/:name/labels': 'administer',
  'POST /api/targets/:name/labels/suggest': 'administer',
  'GET /api/tasks': 'signed-in',
  'POST /api/tasks': 'administer',

  // Nothing that GET /api/targets does not show; everybody's reach only to who may audit or administer (grants/reach).
  'GET /api/segments': 'signed-in',
  'GET /api/segments/reach': 'signed-in',

  'POST /api/requests': 'signed-in',
  'POST /api/bundles': 'signed-in',
  'POST /api/requests/preview': 'signed-in',
  'GET /api/requests': 'signed-in',
  'GET /api/requests/:id': 'signed-in',
  'POST /api/requests/:id/approve': 'person',
  'POST /api/requests/:id/deny': 'person',
  'POST /api/requests/:id/cancel': 'signed-in',
  'GET /api/statements': 'signed-in',
  'GET /api/statements/:id': 'signed-in',
  'POST /api/statements/:id/approve': 'person',
  'POST /api/statements/:id/deny': 'person',

  'GET /api/grants': 'signed-in',
  'GET /api/grants/:id': 'signed-in',
  'POST /api/grants/:id/credentials': 'signed-in',
  'POST /api/grants/:id/certificates': 'signed-in',
  'POST /api/grants/:id/extend': 'signed-in',
  'POST /api/grants/:id/done': 'signed-in',
  'POST /api/grants/:id/revoke': 'signed-in',
  'GET /api/grants/:id/receipt': 'signed-in',

  // Everybody may know that glass is broken; why, only who may see its review.
  'GET /api/break-glass': 'signed-in',
  'POST /api/break-glass': 'person',
  'GET /api/reviews': 'person',
  'GET /api/reviews/:id': 'person',
  'POST /api/reviews/:id/verdict': 'person',
  'GET /api/drills': 'person',
  'POST /api/drills': 'administer',
  'POST /api/drills/:id/cancel': 'administer',
  // A holder's own share comes to that holder alone (break-glass/kits); what others make of kits is administration.
  'GET /api/kits': 'person',
  'POST /api/kits': 'administer',
  'POST /api/kits/:id/rotate': 'administer',
  'POST /api/kits/:id/retire': 'administer',
  'POST /api/kits/:id/check': 'administer',
  'GET /api/kits/:id/file': 'person',
  'POST /api/kits/:id/share': 'person',
  'GET /api/notices': 'signed-in',
  'POST /api/notices/read': 'signed-in',
  // Whom they may stop, the use-case asks: administrators anything, owners what is theirs.
  'GET /api/kills': 'signed-in',
  'POST /api/kills': 'person',
  'GET /api/kills/:id': 'signed-in',
  'POST /api/kills/:id/lift': 'administer',

  'GET /api/sessions': 'signed-in',
  'GET /api/sessions/:id': 'signed-in',
  'GET /api/sessions/:id/measures': 'signed-in',
  'GET /api/sessions/:id/live': 'signed-in',
  'GET /api/sessions/:id/terminals/:entry': 'signed-in',
  'POST /api/sessions/:id/end': 'signed-in',
  'POST /api/sessions/:id/hold': 'administer',
  'POST /api/sessions/:id/release': 'administer',

  'GET /api/audit/entries': 'audit',
  'GET /api/audit/export': 'audit',
  'GET /api/audit/checkpoint': 'audit',

  'POST /api/policy/explain': 'signed-in',
  'GET /api/policy': 'signed-in',
  'GET /api/policy/packs': 'signed-in',
  'POST /api/policy/packs': 'administer',
  'POST /api/policy/plan': 'person',
  'GET /api/policy/history': 'signed-in',
  'GET /api/policy/proposals': 'signed-in',
  'POST /api/policy/proposals': 'person',
  'GET /api/policy/proposals/:id': 'signed-in',
  'POST /api/policy/proposals/:id/sign': 'changePolicy',
  'POST /api/policy/proposals/:id/refuse': 'changePolicy',
  'POST /api/policy/proposals/:id/withdraw': 'person',
  'GET /api/policy/sentences': 'signed-in',
  // Compiles, which costs everybody's time: for those who have a use for the answer.
  'POST /api/policy/check': 'changePolicy',

  'GET /api/replicas': 'administer',
  'POST /api/replicas/:name/drain': 'administer',
  'GET /api/keys': 'administer',
  'POST /api/keys/rotate': 'administer',
  'GET /api/recovery': 'signed-in',
  'POST /api/recovery': 'administer',

  'GET /api/health': 'signed-in',
  'GET /api/insights': 'signed-in',
  'GET /api/events': 'signed-in',

  'GET /scim/v2/ServiceProviderConfig': 'directory',
  'GET /scim/v2/Schemas': 'directory',
  'GET /scim/v2/Schemas/:id': 'directory',
  'GET /scim/v2/ResourceTypes': 'directory',
  'GET /scim/v2/ResourceTypes/:id': 'directory',
  'GET /scim/v2/Users': 'directory',
  'POST /scim/v2/Users': 'directory',
  'GET /scim/v2/Users/:id': 'directory',
  'PUT /scim/v2/Users/:id': 'directory',
  'PATCH /scim/v2/Users/:id': 'directory',
  'DELETE /scim/v2/Users/:id': 'directory',
  'GET /scim/v2/Groups': 'directory',
  'POST /scim/v2/Groups': 'directory',
  'GET /scim/v2/Groups/:id': 'directory',
  'PUT /scim/v2/Groups/:id': 'directory',
  'PATCH /scim/v2/Groups/:id': 'directory',
  'DELETE /scim/v2/Groups/:id': 'directory',
} as const satisfies Record<string, Access>;

export type RouteName = keyof typeof GUARD;
