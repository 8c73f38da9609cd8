// What a connector is: the verbs that every kind of target answers, in one shape. It imports nothing of ours but
// base, and a connector imports nothing but this: so a new kind is one file. All verbs are idempotent, because
// reconcile calls them again after every crash; deleting what is absent succeeds.
// Long because it is one contract, and whoever writes a kind reads it from end to end.

import type { Socket } from 'node:net';
import type { z } from 'zod';
import type { JsonValue } from '../base/canonical-json.ts';
import type { Secret } from '../base/secret.ts';

/** The only way to open a socket to a target (operate.md, "Reach"). `timeoutMs` bounds the connect. */
export type Dial = (endpoint: { host: string; port: number; timeoutMs: number }) => Promise<Socket>;

/** Where sessions of a target go. */
export interface Endpoint {
  host: string;
  port: number;
  database: string;
  tls: 'off' | 'prefer' | 'require';
  /** PEM; with it and `require` the server's certificate and name are verified. */
  ca?: string;
  /** Of a host: the keys that it may show, `type base64`; nobody is dialled there who shows another. */
  hostKeys?: string[];
}

/** Our mark on a target: whose grant an identity is. Only what carries our id and an epoch we know is touched. */
export interface Mark {
  installation: string;
  epoch: number;
  /** Which run of Sallyport it is that connects; only to tell connections apart. */
  run?: string;
}

/** The installation's own mark on a target, which counts up while Sallyport works there. */
export interface TargetMark {
  epoch: number;
  number: number;
  nonce: string;
  /** Entries that the audit log had. */
  logSize: number;
}

export interface FenceReading {
  /** Null before the first was set. */
  mark: TargetMark | null;
  /** Other runs of this installation that are connected there. */
  others: { run: string; address: string; activeSecondsAgo: number }[];
}

/** What a connector needs to reach one target. `settings` has passed the connector's `target` schema. */
export interface TargetAccess<Settings> {
  id: string;
  name: string;
  settings: Settings;
  /** The administrator's login there. */
  admin: { user: string; password: Secret };
  mark: Mark;
  dial: Dial;
  /** Public keys, `type base64`, whose user certificates hosts are to trust now; for kinds that log in with them. */
  authorities?: () => Promise<string[]>;
}

/**
 * What revocation needs to find the grant again; stored before the target is touched. JSON, no secrets. It begins as
 * `{ login, grantId }`; what a verb gives back replaces it.
 */
export type Handle = { [key: string]: JsonValue };

/** One identity to create. `login` is derived from the grant's id and is `^[a-z0-9_]{1,63}$`. */
export interface GrantPlan<Entitlement> {
  grantId: string;
  login: string;
  handle: Handle;
  /** Its password on the target: derived, never stored. */
  password: Secret;
  taskId: string;
  entitlement: Entitlement;
  /** The target's own expiry is set to its own now() plus this (duration + 5 min of slack). */
  nativeExpirySeconds: number;
  /** For the target's own administrators to read; already free of control characters, ≤ 200 characters. */
  label: string;
}

export type Observed = 'present' | 'inert' | 'absent';

/** What one node of a target says. `unknown`: it could not be asked, or was not; `error` says why, in words. */
export interface NodeReport {
  /** Its name for people: `host:port`. */
  node: string;
  role: 'primary' | 'standby';
  observed: Observed | 'unknown';
  error: string | null;
}

/** What the target itself says of a grant. `inert`: no login, no session, no membership; the identity remains. */
export interface Observation {
  /** Of the whole target: absent or inert only when every node says so; one that cannot be asked counts as present. */
  observed: Observed;
  /** Of a target that has several nodes: each of them, the primary first. */
  nodes?: NodeReport[];
  /** The handle, completed with what only the target knows (an OID). Store it. */
  handle: Handle;
}

/** A grant that is active, for a look at whether its identity still is what was granted. */
export interface HeldGrant<Entitlement> {
  handle: Handle;
  login: string;
  taskId: string;
  entitlement: Entitlement;
  password: Secret;
  /** How long the target's own expiry should still be away. */
  nativeExpirySeconds: number;
}

/**
 * What somebody changed by hand. `wider`: it can do more than was granted, or be used by others, or is not under its
 * name any more; `narrower`: less; `renewable`: `renew` puts it right; `mended`: it was wider and has been put right.
 */
export interface Alteration {
  kind: 'wider' | 'narrower' | 'renewable' | 'mended';
  /** One sentence, for people; the same while it stays the same. */
  what: string;
}

/** Whether one node of a target can be worked with. */
export interface NodeHealth {
  node: string;
  role: 'primary' | 'standby';
  /** null: it answered, as what it should be. */
  error: string | null;
  /** The failure's code, like `target-down` or `target-login-failed`. */
  code: string | null;
  /** How far its clock is from ours, as far as the answer's own delay lets one say; null: it did not answer. */
  clockSkewSeconds: number | null;
}

export interface RevokeReport extends Observation {
  /** Sessions that were ended by this call. */
  sessionsEnded: number;
  /** Why the identity is not gone yet, in words, with the blocking session or the SQL that would free it. */
  blockers: string[];
  /** What the grant leaves behind on purpose (objects that it created and that still exist). */
  leftBehind: string[];
}

export interface CheckItem {
  name: string;
  /** `warn`: works, but something in the promise is weaker; `fail`: grants cannot be made or ended. */
  status: 'ok' | 'warn' | 'fail';
  detail: string;
  /** What to run on the target to mend it, ready to paste. */
  fix?: string;
  /** While this fails, nothing can be made or ended there: a new credential or address with it is not taken. */
  blocks?: boolean;
}

/** One right that exists on the target outside any grant. */
export interface StandingAccess {
  principal: string;
  canLogin: boolean;
  superuser: boolean;
  /** What it may do, in words, one item a right: `SELECT on public.orders`. */
  rights: string[];
  /** How it is reached: the chain of roles, ending at the one that holds the right. Empty when held directly. */
  through: string[];
  lastUsedAt: string | null;
  /** What of ours it belongs to, in words (an emergency kit's dormant login); null for what nothing explains. */
  explainedBy: string | null;
}

/** One dormant login of an emergency kit. `login` is generated and is `^[a-z0-9_]{1,63}$`. */
export interface KitPlan<Entitlement> {
  kitId: string;
  login: string;
  /** As stored; it begins as `{ login, kitId }`. */
  handle: Handle;
  password: Secret;
  taskId: string;
  entitlement: Entitlement;
  /** The target refuses the login from its own now() plus this. */
  validSeconds: number;
  /** How long an opening lasts. */
  limitSeconds: number;
  label: string;
}

/** What the target wrote down when somebody called the kit's function. */
export interface KitOpening {
  number: number;
  act: 'recorded' | 'let-in' | 'refused';
  at: string;
  until: string;
  holders: string;
  reason: string;
  clientAddress: string | null;
}

export interface KitLook {
  exists: boolean;
  openings: KitOpening[];
  sessions: number;
  /** What is not as it was made, in words; empty: the kit would open here. */
  problems: string[];
}

/** What a kit's file tells its holders of one target: where it is, and what to call there. */
export interface KitWay {
  host: string;
  port: number;
  database: string;
  tls: Endpoint['tls'];
  ca?: string;
  /** With $1 (who opens) and $2 (why): called in two transactions, the first writes down, the second lets in. */
  openSql: string;
}

/** Emergency kits (ADR 27), for kinds that can hold a login which may do nothing until it has written down its use. */
export interface KitVerbs<Settings, Entitlement, Client> {
  /** Errors: `kit-task-unfit` for a task that a kit cannot hold. */
  way(settings: Settings, entitlement: Entitlement, login: string): KitWay;
  /** Idempotent; the handle, completed. */
  make(client: Client, plan: KitPlan<Entitlement>, signal: AbortSignal): Promise<Handle>;
  /** `tryLogin` logs in as the kit would: the one proof that it would work. */
  look(client: Client, plan: KitPlan<Entitlement>, tryLogin: boolean, signal: AbortSignal): Promise<KitLook>;
  /** As `revoke`: rights, sessions and login go, and absence is verified. What was written down stays. */
  remove(client: Client, plan: KitPlan<Entitlement>, signal: AbortSignal): Promise<RevokeReport>;
}

/** A right of a task: `select` on `public.orders`, in words "read public.orders". Verbs are lower-case SQL or protocol words. */
export interface Right {
  verb: string;
  object: string;
  words: string;
}

/** What the gateway lets sessions of a task do. The rights on the target are the boundary; this stays within them. Plain JSON. */
export interface GuardTerms {
  /** Names of guard rules that the task lifts. */
  allow: string[];
  /** What statements may touch and call; null: whatever the target lets them. */
  lists: GuardLists | null;
  /** UPDATE and DELETE without WHERE are refused. */
  requireWhere: boolean;
}

export interface GuardLists {
  /** `warn`: what is not on the lists passes and is marked in the recording, to learn what a task needs. */
  mode: 'enforce' | 'warn';
  /** One right an item, lower-case SQL verb and `schema.name`. */
  relations: { verb: string; object: string }[];
  /** `schema.name` or `name`; those of the target's own system come on top. */
  functions: string[];
}

/** What a task allows on a host. The host enforces it too; the gateway stays within it. Plain JSON. */
export interface HostTerms {
  /** Whom its sessions log in as; null: an account of the grant's own, called as its login. */
  user: string | null;
  /** A shell and any command; with it, files can be copied too. */
  shell: boolean;
  /** Without a shell: these, word by word, and no others. */
  commands: string[];
  sftp: boolean;
  /** Where connections may be forwarded to. */
  forward: { host: string; port: number }[];
  /** What certificates and the host name as the one program that runs whatever is asked for; null with a shell. */
  forceCommand: string | null;
}

/** What sessions of a task get from the gateway; `database` null means the target's own. */
export interface SessionTerms {
  database: string | null;
  guard: GuardTerms;
  /** Of a task on a host; with it, sessions speak SSH and nothing else. `login` is in `forceCommand` as `%l`. */
  host?: HostTerms;
}

/** A column that a person has labelled as holding some class of data. */
export interface LabelledColumn {
  schema: string;
  table: string;
  column: string;
}

/** A column that looks as if it held such data, for a person to confirm. Nothing of what it holds, only counts. */
export interface SuggestedLabel extends LabelledColumn {
  label: string;
  /** What says so: its name, what a sample of it looks like, or both. */
  because: ('name' | 'data')[];
  /** What the sample looked like (base/data-patterns.ts); null: nothing known. */
  looksLike: string | null;
  /** Values that were looked at, and those of them that looked like it. */
  sampled: number;
  matching: number;
}

export interface LabelSuggestions {
  columns: SuggestedLabel[];
  /** Tables of which a sample was read, and those that were not: no right to, row security, no time, too many. */
  tables: { sampled: number; unread: number };
}

/** What masking needs to know of a database; plain JSON. */
export interface MaskCatalog {
  /** The labelled columns, with those of tables that inherit them or that they inherit from. */
  columns: (LabelledColumn & { oid: number; number: number })[];
  /** Views that read one of their tables, however far away. */
  views: { schema: string; name: string }[];
  /** Every relation of the database, and every name that a column has. */
  relations: { schema: string; name: string }[];
  columnNames: string[];
}

export interface Capabilities {
  /** Revocation ends sessions that are open. */
  endsSessions: boolean;
  /** The target refuses new logins by itself after the expiry. */
  nativeExpiry: boolean;
  /** The credential works nowhere once revoked. */
  revocableCredential: boolean;
  smallestDurationSeconds: number;
  /** Said to people, in one sentence. */
  promise: string;
}

/**
 * For kinds whose targets force one identity on several grants: rights that are there or not, however many grants hold
 * them. Sallyport counts the holders; these only put and take, both idempotent, and look.
 */
export interface SharedPart<Entitlement, Client> {
  /** What a grant of this plan holds: each a text that names it, the same for everybody, at most 500 characters. */
  keys(plan: GrantPlan<Entitlement>): string[];
  put(client: Client, key: string, signal: AbortSignal): Promise<void>;
  /** What is absent already is a success. */
  take(client: Client, key: string, signal: AbortSignal): Promise<void>;
  /** As the target itself says now; where it takes its time, as it will stay. */
  held(client: Client, key: string, signal: AbortSignal): Promise<boolean>;
}

/** For kinds whose targets are known by keys that a person has to have seen, and have to be told whom to trust. */
export interface Enrolment {
  /** What the target shows, `type base64`. Errors: `target-down`, `no-host-key`. */
  scan(dial: Dial, at: { host: string; port: number }, signal: AbortSignal): Promise<string[]>;
  /** Lines of the target's own configuration. */
  configuration: string;
}

/**
 * A kind of target. `Client` is an open administrative connection (or pool) that `connect` makes and the registry
 * keeps, one for a target and version. Every verb takes a signal and gives up when it aborts; every error that it
 * throws is free of secrets.
 */
export interface Connector<Settings = unknown, Entitlement = unknown, Client = unknown> {
  kind: string;
  target: z.ZodType<Settings>;
  entitlement: z.ZodType<Entitlement>;
  capabilities: Capabilities;
  /** Where sessions go: what the gateway dials for this target. */
  endpoint(settings: Settings): Endpoint;
  /** Nodes beside the one of the endpoint, by the names that reports give them. */
  nodeNames(settings: Settings): string[];
  /** What a task may do, one right an item: insight compares them with what sessions used. */
  rights(entitlement: Entitlement): Right[];
  /** What sessions of a task get from the gateway. */
  session(entitlement: Entitlement): SessionTerms;
  connect(access: TargetAccess<Settings>): Client;
  disconnect(client: Client): Promise<void>;
  grant(client: Client, plan: GrantPlan<Entitlement>, signal: AbortSignal): Promise<Observation>;
  revoke(client: Client, handle: Handle, signal: AbortSignal): Promise<RevokeReport>;
  inspect(client: Client, handle: Handle, signal: AbortSignal): Promise<Observation>;
  /** Moves the target's own expiry to its now() plus `nativeExpirySeconds`, and puts our mark back if it is gone. */
  renew(client: Client, handle: Handle, nativeExpirySeconds: number, signal: AbortSignal): Promise<void>;
  /**
   * False: nothing runs that `sweep` could end. One light question, since it is asked every few seconds; left out where
   * there is none.
   */
  strays?(client: Client, signal: AbortSignal): Promise<boolean>;
  /** Ends whatever still runs under identities that were verified absent (late starters); how many were ended. */
  sweep(client: Client, handles: Handle[], signal: AbortSignal): Promise<{ handle: Handle; ended: number }[]>;
  /** Those of active grants that are not as they were granted. What is gone altogether `inspect` tells, not this. */
  altered(
    client: Client,
    held: HeldGrant<Entitlement>[],
    signal: AbortSignal,
  ): Promise<{ handle: Handle; alterations: Alteration[] }[]>;
  /** Each node of the target, the primary first. Rejects only when it is told to give up. */
  nodes(client: Client, signal: AbortSignal): Promise<NodeHealth[]>;
  /** Handles of everything on the target that carries our mark (id and epoch). */
  marked(client: Client, signal: AbortSignal): Promise<Handle[]>;
  /** Kinds whose data the gateway can mask. Errors: `label-without-column` when a labelled column is not there. */
  maskCatalog?(
    client: Client,
    database: string,
    labelled: LabelledColumn[],
    signal: AbortSignal,
  ): Promise<MaskCatalog>;
  /**
   * Columns that look as if they held personal or secret data. With `sample` it also reads some values with the
   * administrator's rights; they stay in the connector, only the verdict and counts leave it.
   */
  suggestLabels?(
    client: Client,
    database: string,
    sample: boolean,
    signal: AbortSignal,
  ): Promise<LabelSuggestions>;
  shared?: SharedPart<Entitlement, Client>;
  /** The installation's own mark, and who else of it is connected; a kind without has no fence against copies. */
  readFence?(client: Client, signal: AbortSignal): Promise<FenceReading>;
  writeFence?(client: Client, mark: TargetMark, signal: AbortSignal): Promise<void>;
  /** Changes the password of the login that `client` has; for kinds whose administrator logs in with one. */
  setAdminPassword?(client: Client, password: Secret, signal: AbortSignal): Promise<void>;
  inventory(client: Client, signal: AbortSignal): Promise<StandingAccess[]>;
  /** `tasks`: what is offered on this target; whatever the administrator lacks for it is told. */
  check(client: Client, signal: AbortSignal, tasks: Entitlement[]): Promise<CheckItem[]>;
  enrolment?: Enrolment;
  /** Left out by kinds that cannot hold emergency kits. */
  kit?: KitVerbs<Settings, Entitlement, Client>;
}

/** Names the type parameters once, so that a kind's file reads as one literal. */
export function defineConnector<Settings, Entitlement, Client>(
  connector: Connector<Settings, Entitlement, Client>,
): Connector<Settings, Entitlement, Client> {
  return connector;
}
