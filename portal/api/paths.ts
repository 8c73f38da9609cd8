// The only source of the API's URLs. Every value that goes into a path is encoded here, once.

type QueryValue = string | number | boolean | undefined | null;

/** `path?a=1`; undefined, null and empty values are left out, so that a form can hand over what it holds. */
export function withQuery(path: string, query: Record<string, QueryValue>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return text === '' ? path : `${path}?${text}`;
}

const at = (...parts: string[]) => `/${parts.map(encodeURIComponent).join('/')}`;

export const apiPath = {
  health: () => '/healthz',
  me: () => '/api/me',
  signIn: () => '/api/sign-in',
  signOut: () => '/api/sign-out',
  signInOptions: () => '/api/sign-in/options',
  signInOidc: () => '/api/sign-in/oidc',
  passkeySignInOptions: () => '/api/sign-in/passkey/options',
  passkeySignIn: () => '/api/sign-in/passkey',
  stepUpOptions: () => '/api/step-up/options',
  stepUp: () => '/api/step-up',
  passkeyOptions: () => '/api/passkeys/options',
  passkeys: () => '/api/passkeys',
  removePasskey: (id: string) => at('api', 'passkeys', id, 'remove'),
  registrationOptions: () => '/api/registration/options',
  registration: () => '/api/registration',
  cliLogins: () => '/api/cli-logins',
  lookAtDevice: () => '/api/device-logins/look',
  decideDevice: () => '/api/device-logins/decide',
  mySignIn: () => '/api/my-sign-in',
  mySignInOidc: () => '/api/my-sign-in/oidc',
  demoPeople: () => '/api/demo/people',
  demoSignIn: () => '/api/demo/sign-in',
  targets: () => '/api/targets',
  hostKeys: () => '/api/host-keys',
  targetCheck: (name: string) => at('api', 'targets', name, 'check'),
  targetLabels: (name: string) => at('api', 'targets', name, 'labels'),
  suggestLabels: (name: string, sample: 'yes' | 'no') =>
    withQuery(at('api', 'targets', name, 'labels', 'suggest'), { sample }),
  targetCredential: (name: string) => at('api', 'targets', name, 'credential'),
  targetSettings: (name: string) => at('api', 'targets', name, 'settings'),
  standingAccess: (name: string) => at('api', 'targets', name, 'standing-access'),
  tasks: () => '/api/tasks',
  explain: () => '/api/policy/explain',
  checkPolicy: () => '/api/policy/check',
  principals: () => '/api/principals',
  principal: (name: string, act: 'change' | 'disable' | 'enable') => at('api', 'principals', name, act),
  principalTokens: (name: string) => at('api', 'principals', name, 'tokens'),
  revokeToken: (name: string, id: string) => at('api', 'principals', name, 'tokens', id, 'revoke'),
  groups: () => '/api/groups',
  deleteGroup: (name: string) => at('api', 'groups', name, 'delete'),
  peopleChanges: () => '/api/people-changes',
  peopleChange: (id: string, act: 'confirm' | 'refuse') => at('api', 'people-changes', id, act),
  policies: (query: Record<string, QueryValue>) => withQuery('/api/policy/sentences', query),
  segments: () => '/api/segments',
  reach: (segment: string) => withQuery('/api/segments/reach', { segment }),
  requests: (query: { state?: string; view?: string; limit?: number; cursor?: string } = {}) =>
    withQuery('/api/requests', query),
  submit: (waitSeconds: number) => withQuery('/api/requests', { wait: waitSeconds }),
  submitBundle: (waitSeconds: number) => withQuery('/api/bundles', { wait: waitSeconds }),
  preview: () => '/api/requests/preview',
  request: (id: string) => at('api', 'requests', id),
  approve: (id: string) => at('api', 'requests', id, 'approve'),
  deny: (id: string) => at('api', 'requests', id, 'deny'),
  cancel: (id: string) => at('api', 'requests', id, 'cancel'),
  statements: (query: { state?: string; view?: string; limit?: number } = {}) =>
    withQuery('/api/statements', query),
  statement: (id: string) => at('api', 'statements', id),
  decideStatement: (id: string, act: 'approve' | 'deny') => at('api', 'statements', id, act),
  delegations: () => '/api/delegations',
  endDelegation: (id: string) => at('api', 'delegations', id, 'end'),
  grants: (query: { state?: string; view?: string; limit?: number; cursor?: string } = {}) =>
    withQuery('/api/grants', query),
  grant: (id: string) => at('api', 'grants', id),
  credentials: (id: string) => at('api', 'grants', id, 'credentials'),
  extend: (id: string) => at('api', 'grants', id, 'extend'),
  done: (id: string) => at('api', 'grants', id, 'done'),
  revoke: (id: string) => at('api', 'grants', id, 'revoke'),
  receipt: (id: string) => at('api', 'grants', id, 'receipt'),
  kills: (query: { state?: string; limit?: number } = {}) => withQuery('/api/kills', query),
  liftKill: (id: string) => at('api', 'kills', id, 'lift'),
  sessions: (
    query: { state?: string; view?: string; grant?: string; limit?: number; cursor?: string } = {},
  ) => withQuery('/api/sessions', query),
  session: (id: string, query: { limit?: number; cursor?: string } = {}) =>
    withQuery(at('api', 'sessions', id), query),
  watchSession: (id: string, query: { after: number; wait: number }) =>
    withQuery(at('api', 'sessions', id, 'live'), query),
  terminal: (id: string, entry: number) => at('api', 'sessions', id, 'terminals', String(entry)),
  endSession: (id: string) => at('api', 'sessions', id, 'end'),
  holdSession: (id: string) => at('api', 'sessions', id, 'hold'),
  releaseSession: (id: string) => at('api', 'sessions', id, 'release'),
  breakGlass: (waitSeconds?: number) => withQuery('/api/break-glass', { wait: waitSeconds }),
  reviews: (query: { state?: string; limit?: number; cursor?: string } = {}) =>
    withQuery('/api/reviews', query),
  review: (id: string) => at('api', 'reviews', id),
  decideReview: (id: string) => at('api', 'reviews', id, 'verdict'),
  drills: () => '/api/drills',
  kits: () => '/api/kits',
  kitFile: (id: string) => at('api', 'kits', id, 'file'),
  kitShare: (id: string) => at('api', 'kits', id, 'share'),
  notices: (query: { limit?: number; cursor?: string } = {}) => withQuery('/api/notices', query),
  readNotices: () => '/api/notices/read',
  auditEntries: (query: Record<string, QueryValue>) => withQuery('/api/audit/entries', query),
  auditExport: () => '/api/audit/export',
  checkpoint: () => '/api/audit/checkpoint',
  policy: () => '/api/policy',
  policyPacks: () => '/api/policy/packs',
  policyProposals: (query: { limit?: number; cursor?: string } = {}) =>
    withQuery('/api/policy/proposals', query),
  policyProposal: (id: string) => at('api', 'policy', 'proposals', id),
  signPolicy: (id: string) => at('api', 'policy', 'proposals', id, 'sign'),
  refusePolicy: (id: string) => at('api', 'policy', 'proposals', id, 'refuse'),
  withdrawPolicy: (id: string) => at('api', 'policy', 'proposals', id, 'withdraw'),
  policyHistory: (query: { limit?: number; cursor?: string } = {}) => withQuery('/api/policy/history', query),
  installationHealth: () => '/api/health',
  recovery: () => '/api/recovery',
  insights: (days: number) => withQuery('/api/insights', { days }),
  events: () => '/api/events',
  openapi: () => '/api/openapi.json',
} as const;
