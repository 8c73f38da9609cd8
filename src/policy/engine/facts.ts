// What a decision rests on and what it says, as plain JSON: stored whole, so that any decision can be made again.

export const ACTIONS = [
  'request',
  'autoApprove',
  'connect',
  'exec',
  'extend',
  'breakGlass',
  'approve',
  'administer',
  'audit',
  'changePolicy',
] as const;
export type Action = (typeof ACTIONS)[number];

/** Actions on Sallyport itself; all others are on a target. */
export const PLATFORM_ACTIONS = ['administer', 'audit', 'changePolicy'] as const;
export type PlatformAction = (typeof PLATFORM_ACTIONS)[number];
export type TargetAction = Exclude<Action, PlatformAction>;

export interface PrincipalFacts {
  id: string;
  kind: 'person' | 'service' | 'agent';
  name: string;
  /** Names of all groups that the principal is in, also through other groups. */
  groups: string[];
  accountType: string;
  title: string | null;
  onCall: boolean;
  managerId: string | null;
  sponsorId: string | null;
}

export interface TargetFacts {
  name: string;
  /** The segment's path: `prod/eu/orders`. What is above it follows from the path. */
  segment: string;
  environment: string;
  kind: string;
  sensitivity: 'low' | 'normal' | 'high';
  owner: string | null;
}

export interface ContextFacts {
  /** One IPv4 or IPv6 address. */
  sourceIp: string;
  /** Milliseconds since 1970, of the store's clock. */
  nowMs: number;
  /** IANA name, of the target's segment. */
  timeZone: string;
  /** What is asked for; for `extend`, the whole length from the beginning. */
  durationSeconds: number;
  purpose: string | null;
  ticket: string | null;
  /** Since the last strong sign-in; null when there was none. */
  mfaAgeSeconds: number | null;
}

export interface SponsorFacts {
  principal: PrincipalFacts;
  disabled: boolean;
}

export interface DecisionFacts {
  principal: PrincipalFacts;
  target: TargetFacts;
  task: { name: string; ancestors: string[] };
  context: ContextFacts;
  /** For `approve`, where `principal` is the approver: who asked. */
  requester?: PrincipalFacts | null;
  /** Who answers for the principal; left out where nobody has to. */
  sponsor?: SponsorFacts;
  /** Of the limits that policy names for this; left out where it names none. */
  use?: LimitUse[];
}

/** For the actions on Sallyport itself. */
export interface PlatformFacts {
  principal: PrincipalFacts;
  context: Pick<ContextFacts, 'sourceIp' | 'nowMs' | 'mfaAgeSeconds'>;
}

export type Outcome = 'allow' | 'needs-approval' | 'deny';

/** One sentence, and the policy that it comes from; `policy` is empty where it is the lack of one. */
export interface Reason {
  policy: string;
  effect: 'permit' | 'forbid' | 'none';
  text: string;
}

/** `from` is `Group::"dba"`, `onCall Group::"dba"` or `manager`. Stages open one after the other. */
export interface ApprovalStage {
  count: number;
  from: string;
  /** Who fills the same places too, from so long after the stage has opened; left out where nobody does. */
  also?: { afterSeconds: number; from: string };
}

export interface Obligations {
  maxDurationSeconds: number | null;
  approvals: ApprovalStage[];
  record: 'on' | 'required';
  stepUp: 'none' | 'passkey';
  mask: string[];
  /** How much may be held; left out where nothing limits it. */
  limits?: Limit[];
  /** `once`: for one session; `session`: until the last of its sessions has ended; left out: until its end. */
  sessionUse?: SessionUse;
  /** The clock starts at the first connection, which comes within this; left out: at activation. */
  claimSeconds?: number;
  /** How long what runs at the deadline may go on; left out: not at all. */
  landingSeconds?: number;
  /** What all sessions of the grant together may read; left out where nothing limits it. */
  maxRows?: number;
  maxBytes?: number;
  /** Statements that wait for a yes of their own, each; left out where none does. */
  approveStatements?: { kinds: StatementKind[]; by: ApprovalStage[] };
  /** What recordings keep of constants in statements; left out where they keep them. */
  literals?: 'hash' | 'drop';
  /** How long recordings are kept after their session; null: for ever; left out: as the configuration says. */
  keepRecordingSeconds?: number | null;
}

/** `write`: whatever is not known to read only; `all`: whatever is not only about the session itself. */
export type StatementKind = 'all' | 'write' | 'insert' | 'update' | 'delete' | 'merge' | 'truncate';

export type SessionUse = 'once' | 'session';

/** So many grants at a time, or so much time in seven days; of one person or of all, in a segment or everywhere. */
export interface Limit {
  kind: 'active' | 'weekly';
  perPerson: boolean;
  /** What is at or below it counts; null for everything. */
  segment: string | null;
  /** Grants, or seconds. */
  most: number;
}

/** What is held already of what a limit counts (`limitKey`): grants, or seconds. */
export interface LimitUse {
  limit: string;
  used: number;
}

export interface Decided {
  outcome: Outcome;
  reasons: Reason[];
  obligations: Obligations;
  /** The longest duration that would not be denied; null where no duration would help or none is a limit. */
  longestSeconds: number | null;
  /** What would be enough for a better answer, one way a line. */
  enough: string[];
  /** Ids of the policies that made the outcome. */
  determining: string[];
  /** Permits that failed to evaluate and were left out: somebody's mistake that needs repair. */
  alarms: string[];
}

/** The answer for one action that is simply allowed or not. */
export interface Permission {
  allowed: boolean;
  reasons: Reason[];
  obligations: Obligations;
  enough: string[];
  determining: string[];
  alarms: string[];
}
