// The store's tables as kysely sees them, one interface a table, in the order of migrations/. Long because they are one type.
// `Generated` columns may be left out of an insert; timestamps are Dates read from the store's own clock.
// Long because every table stands here, once.

import type { ColumnType, Generated, JSONColumnType, RawBuilder } from 'kysely';

type Now = Generated<Date>;
type Json<T extends object> = JSONColumnType<T>;
type Fixed<T> = ColumnType<T, T, never>;

export interface Tables {
  installation: {
    only_row: Generated<boolean>;
    id: string;
    epoch: Generated<number>;
    master_key_check: string;
    created_at: Now;
    /** What the store's shape is, and the oldest program that may work on it (store-version.ts). */
    store_version: Generated<number>;
    oldest_version: Generated<number>;
    /** Set while this store may be a restored or copied one: nothing is written then, no target is touched. */
    recovery: Json<object> | null;
    password_generation: Generated<number>;
  };
  principals: {
    id: Fixed<string>;
    kind: 'person' | 'service' | 'agent';
    name: string;
    display_name: string;
    email: string | null;
    account_type: Generated<string>;
    title: string | null;
    manager_id: string | null;
    sponsor_id: string | null;
    same_person_as: string | null;
    on_call: Generated<boolean>;
    disabled_at: Date | null;
    created_at: Now;
  };
  groups: { id: Fixed<string>; name: string; created_at: Now };
  memberships: { group_id: string; principal_id: string };
  tokens: {
    id: Fixed<string>;
    principal_id: string;
    kind: 'api' | 'browser';
    name: string;
    hash: Buffer;
    expires_at: Date;
    revoked_at: Date | null;
    last_used_at: Date | null;
    created_at: Now;
    /** null: all that its principal may. */
    scopes: string[] | null;
    /** null: from anywhere. */
    address_ranges: string[] | null;
    issued_by: string | null;
    signed_in_by: SignedInBy | null;
    /** When a passkey was used in it last. */
    mfa_at: Date | null;
    /** Whose hands it went through on its way to its principal: ids of principals. */
    handed_by: Generated<string[]>;
  };
  segments: {
    path: Fixed<string>;
    parent: string | null;
    time_zone: Generated<string>;
    own_time_zone: Generated<boolean>;
    description: Generated<string>;
    /** The group that answers for it, and may propose changes to its pack. */
    owner: string | null;
    /** How long its sessions go on without the store; null: as above it. */
    store_grace_s: number | null;
  };
  targets: {
    id: Fixed<string>;
    name: string;
    kind: string;
    segment: string;
    environment: string;
    sensitivity: Generated<'low' | 'normal' | 'high'>;
    owner: string | null;
    settings: Json<Record<string, unknown>>;
    credential: Buffer;
    /** While it is being changed: the one that the target may have already. */
    next_credential: Buffer | null;
    version: Generated<number>;
    check_report: Json<Record<string, unknown>> | null;
    checked_at: Date | null;
    created_at: Now;
    /** Taken out: nothing is asked for there any more, its past stays. */
    removed_at: Date | null;
    /** Counts up with each change of its labels. */
    label_version: Generated<number>;
  };
  /** Keys that sign for hosts; the newest signs. */
  host_authorities: {
    number: number;
    public_key: string;
    sealed: Buffer;
    made_at: Now;
  };
  host_certificates: {
    serial: Generated<string>;
    grant_id: string;
    fingerprint: string;
    valid_until: Date;
    issued_at: Now;
  };
  tasks: {
    id: Fixed<string>;
    name: string;
    kind: string;
    segment: string | null;
    parent: string | null;
    description: string;
    entitlement: Json<Record<string, unknown>>;
    version: Generated<number>;
    created_at: Now;
  };
  policy_sets: {
    id: Fixed<string>;
    digest: string;
    files: Json<Record<string, string>>;
    published_by: string | null;
    published_at: Now;
    in_force: Generated<boolean>;
    proposal_id: string | null;
    live_grants: Generated<LiveGrants>;
  };
  policy_proposals: {
    id: Fixed<string>;
    digest: Fixed<string>;
    base_digest: Fixed<string>;
    files: Json<Record<string, string>>;
    comment: Fixed<string>;
    live_grants: Fixed<LiveGrants>;
    pack: string | null;
    rollback: Fixed<boolean>;
    state: Generated<ProposalState>;
    proposed_by: Fixed<string>;
    source_address: Fixed<string>;
    proposed_at: Now;
    expires_at: Date;
    decided_by: string | null;
    decided_at: Date | null;
    reason: string | null;
    plan: Json<object> | null;
    handed_by: Generated<string[]>;
  };
  policy_signatures: {
    proposal_id: string;
    principal_id: string;
    digest: string;
    sole: Generated<boolean>;
    source_address: string;
    signed_at: Now;
  };
  requests: {
    id: Fixed<string>;
    requester_id: Fixed<string>;
    target_id: Fixed<string>;
    task_id: Fixed<string>;
    duration_s: Fixed<number>;
    reason: Fixed<string>;
    ticket: Fixed<string | null>;
    source_address: Fixed<string>;
    digest: Fixed<string>;
    state: RequestState;
    outcome: Outcome;
    reasons: Json<object[]>;
    obligations: Json<object>;
    approved_duration_s: number | null;
    expires_at: Date;
    starts_at: Date | null;
    decided_at: Date | null;
    created_at: Now;
    version: Generated<number>;
    mfa_age_s: Fixed<number | null>;
    /** Of the session or token that it was asked with. */
    handed_by: Generated<string[]>;
    /** The kill switch that cancelled it. */
    kill_id: string | null;
    /** It asks for more time of this grant, for `duration_s` in all. */
    extends_grant: Fixed<string | null>;
    /** What the requester wished; the grant has what holds. */
    session_use: Fixed<SessionUse | null>;
  };
  request_members: {
    request_id: Fixed<string>;
    place: Fixed<number>;
    target_id: Fixed<string>;
    task_id: Fixed<string>;
    digest: Fixed<string>;
    outcome: Outcome;
    obligations: Json<object>;
    decision_id: string | null;
  };
  decisions: {
    id: Fixed<string>;
    request_id: string | null;
    grant_id: string | null;
    action: string;
    outcome: string;
    policy_digest: string;
    facts: Json<object>;
    reasons: Json<object[]>;
    obligations: Json<object>;
    decided_at: Now;
  };
  approvals: {
    id: Fixed<string>;
    request_id: string;
    principal_id: string;
    verdict: 'approve' | 'deny';
    digest: string;
    duration_s: number | null;
    reason: string | null;
    given_at: Now;
    circumstances: Json<object> | null;
    on_behalf_of: string | null;
  };
  request_views: { request_id: string; principal_id: string; seen_at: Now };
  grants: {
    id: Fixed<string>;
    request_id: Fixed<string>;
    principal_id: Fixed<string>;
    target_id: Fixed<string>;
    task_id: Fixed<string>;
    login: Fixed<string>;
    handle: Json<Record<string, unknown>>;
    duration_s: number;
    wanted: Generated<'present' | 'absent'>;
    observed: Generated<'unknown' | 'present' | 'inert' | 'absent'>;
    starts_at: Date | null;
    activated_at: Date | null;
    expires_at: Date | null;
    native_expires_at: Date | null;
    ended_at: Date | null;
    end_reason: string | null;
    ended_by: string | null;
    inert_at: Date | null;
    absent_at: Date | null;
    report: Json<Record<string, unknown>> | null;
    attempts: Generated<number>;
    next_attempt_at: Generated<Date>;
    last_error: string | null;
    lease_until: Date | null;
    /** The run (replicas.run) whose lease it is, or was last. */
    lease_by: string | null;
    /** What its password on the target is derived from; null: the first key and generation. */
    password_key: string | null;
    created_at: Now;
    version: Generated<number>;
    /** What somebody changed by hand on its identity, as the patrol last saw it. */
    altered: Json<object[]> | null;
    /** The kill switch that ended it, or found it ending. */
    kill_id: string | null;
    session_use: SessionUse | null;
    /** Its clock starts at the first connection, which has to come within this; null: at activation. */
    claim_s: number | null;
    claimed_at: Date | null;
    /** How long a statement that runs at the deadline may go on. */
    landing_s: Generated<number>;
    /** One of several of its request: active when all of them are there. */
    bundled: Generated<boolean>;
  };
  kills: {
    id: Fixed<string>;
    scope: Fixed<KillScope>;
    principal_id: string | null;
    target_id: string | null;
    segment: string | null;
    /** What was typed: the person's, target's or segment's name, or `everything`. */
    name: Fixed<string>;
    reason: Fixed<string>;
    killed_by: Fixed<string>;
    killed_at: Now;
    lifted_by: string | null;
    lifted_at: Date | null;
    lift_reason: string | null;
  };
  grant_nodes: {
    grant_id: Fixed<string>;
    node: Fixed<string>;
    role: 'primary' | 'standby';
    observed: 'unknown' | 'present' | 'inert' | 'absent';
    /** Of `observed`. */
    since: Date;
    asked_at: Date;
    error: string | null;
    /** The grant's when this was written: a late writer is fenced by it. */
    version: number;
  };
  target_nodes: {
    target_id: Fixed<string>;
    node: Fixed<string>;
    role: 'primary' | 'standby';
    last_contact_at: Date | null;
    failing_since: Date | null;
    last_error: string | null;
    last_error_code: string | null;
    clock_skew_s: number | null;
    looked_at: Date;
  };
  shared_entitlements: {
    target_id: Fixed<string>;
    key: Fixed<string>;
    observed: Generated<'unknown' | 'present' | 'absent'>;
    /** It was there before any grant held it, and stays; null: nobody has looked. */
    standing: boolean | null;
    since: Now;
    lease_until: Date | null;
    version: Generated<number>;
  };
  shared_holders: {
    target_id: string;
    key: string;
    grant_id: string;
    /** Over, and not yet confirmed by the target. */
    leaving: Generated<boolean>;
    since: Now;
  };
  credentials: {
    id: Fixed<string>;
    grant_id: string;
    stored_key: Buffer;
    server_key: Buffer;
    issued_to: string;
    issued_at: Now;
    /** When whoever took it had used a passkey last. */
    mfa_at: Date | null;
  };
  sessions: {
    id: Fixed<string>;
    grant_id: Fixed<string>;
    principal_id: Fixed<string>;
    target_id: Fixed<string>;
    task_id: Fixed<string>;
    gateway: string;
    client_address: string;
    application: string | null;
    started_at: Now;
    seen_at: Now;
    /** Why somebody wants it to end, until it has. */
    ending: string | null;
    ended_at: Date | null;
    end_reason: string | null;
    statements: Generated<number>;
    refused: Generated<number>;
    errors: Generated<number>;
    rows_read: Generated<number>;
    bytes_read: Generated<number>;
    bytes_written: Generated<number>;
    /** Of hosts, once they have ended. */
    commands: Generated<number>;
    files: Generated<number>;
    connections: Generated<number>;
    recording: string | null;
    recording_hash: string | null;
    /** Classes of data that it masks. */
    masked: Generated<string[]>;
    /** Of its target's labels when it began; null where nothing is masked. */
    label_version: number | null;
    /** What policy held it to when it began (policy/engine/session-controls.ts). */
    controls: ColumnType<object, string | undefined, string>;
    /** How long its recording is kept after its end; null: for ever. */
    keep_s: number | null;
    /** Since when the recording is not to be removed whatever its time, by whom, why. */
    held_at: Date | null;
    held_by: string | null;
    hold_reason: string | null;
    /** When its recording was removed because its time was over. */
    removed_at: Date | null;
    /** Where the recording lies in a store of objects (`s3://bucket/key`); null: on its replica's disk. */
    recording_object: string | null;
    recording_stored_at: Date | null;
    /** The file is gone from its replica's disk: stored elsewhere, or removed. */
    file_gone_at: Date | null;
    object_gone_at: Date | null;
  };
  session_watches: {
    session_id: string;
    principal_id: string;
    since: Now;
    until: Date;
  };
  /** What the replica that holds a session shows of it to whoever watches. */
  session_views: {
    session_id: string;
    version: number;
    said_at: Now;
    /** JSON (sessions/shown-session.ts). */
    body: string;
  };
  session_use: {
    session_id: string;
    verb: string;
    object: string;
    statements: number;
    rows: number;
    bytes: Generated<number>;
    errors: Generated<number>;
    duration_ms: Generated<number>;
  };
  statement_requests: {
    id: Fixed<string>;
    session_id: Fixed<string>;
    text: string;
    parameters: ColumnType<(string | null)[], string, string>;
    digest: Fixed<string>;
    estimate: string | null;
    stages: ColumnType<object[], string, never>;
    state: StatementState;
    reason: string | null;
    decided_by: string | null;
    created_at: Generated<Date>;
    expires_at: ColumnType<Date, Date | RawBuilder<Date>, never>;
    decided_at: Date | null;
  };
  statement_approvals: {
    statement_id: Fixed<string>;
    principal_id: Fixed<string>;
    digest: Fixed<string>;
    given_at: Generated<Date>;
    circumstances: Json<object>;
  };
  column_labels: {
    target_id: Fixed<string>;
    database: Fixed<string>;
    schema_name: Fixed<string>;
    table_name: Fixed<string>;
    column_name: Fixed<string>;
    label: string;
    set_by: string;
    set_at: Generated<Date>;
  };
  audit_entries: {
    seq: Generated<number>;
    index: number | null;
    leaf: string;
    leaf_hash: Buffer | null;
    chain: Buffer | null;
    kind: string;
    actor_id: string | null;
    request_id: string | null;
    grant_id: string | null;
    session_id: string | null;
    target_id: string | null;
    at: Now;
  };
  audit_tree: {
    only_row: Generated<boolean>;
    size: Generated<number>;
    frontier: Generated<Buffer[]>;
    chain: Generated<Buffer>;
  };
  on_call_shifts: {
    id: Fixed<string>;
    group_id: string;
    principal_id: string;
    from_at: Date;
    until_at: Date;
    created_by: string | null;
    created_at: Now;
    ended_at: Date | null;
  };
  delegations: {
    id: Fixed<string>;
    principal_id: string;
    stand_in_id: string;
    from_at: Date;
    until_at: Date;
    created_at: Now;
    ended_at: Date | null;
  };
  replicas: {
    name: Fixed<string>;
    run: string;
    version: string;
    store_version: number;
    roles: string[];
    addresses: Json<Record<string, string>>;
    key_checks: Generated<string[]>;
    draining: Generated<boolean>;
    /** The run that is asked to stop. */
    drain_run: string | null;
    /** How long its sessions may go on then; null: as it was started with. */
    drain_seconds: number | null;
    started_at: Now;
    seen_at: Now;
    stopped_at: Date | null;
  };
  turns: { name: string; holder: string; until_at: Date };
  failures: { kind: string; who: string; since_at: Now; count: Generated<number> };
  target_fences: {
    target_id: Fixed<string>;
    number: Generated<number>;
    known: Json<FenceMark[]>;
    log_size: Generated<number>;
    written_at: Now;
  };
  bridges: {
    epoch: Fixed<number>;
    kept: Json<object>;
    proof: Buffer;
    signed_by: string | null;
    signed_at: Now;
  };
  log_keys: {
    number: Generated<number>;
    verifier_key: Fixed<string>;
    sealed: Buffer;
    /** The first size that it may sign; null: announced only. */
    from_size: number | null;
    made_at: Now;
  };
  master_keys: { key_check: Fixed<string>; wrapped: Buffer; wrapped_by: string; made_at: Now };
  audit_checkpoints: { size: number; root: Buffer; note: string; at: Now };
  workload_tokens_used: {
    token_key: Fixed<Buffer>;
    issuer: string;
    token_id: string;
    expires_at: Date;
    used_at: Now;
  };
  directory_users: {
    principal_id: Fixed<string>;
    user_name: string;
    external_id: string | null;
    attributes: Json<Record<string, unknown>>;
    active: boolean;
    disabled_by_directory: Generated<boolean>;
    version: Generated<number>;
    created_at: Now;
    changed_at: Now;
    deleted_at: Date | null;
  };
  directory_groups: {
    group_id: Fixed<string>;
    display_name: string;
    external_id: string | null;
    version: Generated<number>;
    created_at: Now;
    changed_at: Now;
  };
  identities: {
    issuer: Fixed<string>;
    subject: Fixed<string>;
    principal_id: Fixed<string>;
    linked_at: Now;
    last_used_at: Date | null;
    handed_by: Generated<string[]>;
  };
  provider_memberships: { issuer: string; group_id: string; principal_id: string };
  passkeys: {
    id: Fixed<string>;
    principal_id: Fixed<string>;
    credential_id: Fixed<Buffer>;
    public_key: Fixed<Buffer>;
    counter: number;
    transports: string[];
    backed_up: boolean;
    name: string;
    created_at: Now;
    last_used_at: Date | null;
    handed_by: Generated<string[]>;
  };
  ceremonies: {
    hash: Fixed<Buffer>;
    kind: CeremonyKind;
    principal_id: string | null;
    token_id: string | null;
    source_address: string;
    detail: Json<Record<string, unknown>>;
    expires_at: Date;
    created_at: Now;
  };
  device_logins: {
    device_hash: Fixed<Buffer>;
    user_code_hash: Fixed<Buffer>;
    machine: string;
    source_address: string;
    state: Generated<'pending' | 'allowed' | 'denied'>;
    principal_id: string | null;
    mfa_at: Date | null;
    interval_s: number;
    polled_at: Date | null;
    expires_at: Date;
    created_at: Now;
    handed_by: Generated<string[]>;
  };
  people_changes: {
    id: Fixed<string>;
    principal_id: Fixed<string>;
    change: Json<object>;
    why_two: Fixed<string[]>;
    state: Generated<PeopleChangeState>;
    proposed_by: Fixed<string>;
    proposed_handed_by: Fixed<string[]>;
    reason: Fixed<string>;
    source_address: Fixed<string>;
    proposed_at: Now;
    expires_at: Date;
    decided_by: string | null;
    decided_at: Date | null;
    decided_reason: string | null;
  };
  notices: {
    id: Fixed<string>;
    principal_id: Fixed<string>;
    kind: string;
    /** What it is about: a review, a kit, a drill. */
    subject_id: string;
    text: string;
    loud: Generated<boolean>;
    created_at: Now;
    read_at: Date | null;
  };
  drills: {
    id: Fixed<string>;
    kind: 'grant' | 'kit';
    /** Who is to run it; null for a kit's, which its holders run. */
    principal_id: string | null;
    target_id: string | null;
    task_id: string | null;
    kit_id: string | null;
    segment: string;
    note: Generated<string>;
    due_at: Date;
    /** Again so many days after; null: once. */
    every_days: number | null;
    state: Generated<DrillState>;
    scheduled_by: string;
    ordered_at: Date | null;
    started_at: Date | null;
    connected_at: Date | null;
    ended_at: Date | null;
    review_id: string | null;
    created_at: Now;
  };
  kits: {
    id: Fixed<string>;
    segment: Fixed<string>;
    task_id: string;
    quorum: number;
    /** How long an opening lasts on the target. */
    limit_s: number;
    generation: Generated<number>;
    state: Generated<'making' | 'ready' | 'retiring' | 'retired'>;
    /** The sealed file; useless without a quorum of shares. */
    file: Json<Record<string, unknown>> | null;
    file_generation: number | null;
    expires_at: Date | null;
    /** What is wrong with it, in words, as the last check found. */
    problems: ColumnType<string[], string | undefined, string>;
    checked_at: Date | null;
    made_by: string;
    created_at: Now;
    rotated_at: Date | null;
  };
  kit_holders: {
    kit_id: Fixed<string>;
    generation: Fixed<number>;
    place: Fixed<number>;
    principal_id: Fixed<string>;
    /** Sealed with the master key until its holder takes it; then it is nowhere but with them. */
    share: Buffer | null;
    taken_at: Date | null;
  };
  kit_logins: {
    login: Fixed<string>;
    kit_id: Fixed<string>;
    generation: Fixed<number>;
    target_id: Fixed<string>;
    handle: Json<Record<string, unknown>>;
    wanted: Generated<'present' | 'absent'>;
    observed: Generated<'unknown' | 'present' | 'inert' | 'absent'>;
    /** What the last look at it found, in words. */
    problem: string | null;
    last_error: string | null;
    opened_at: Date | null;
    absent_at: Date | null;
    next_attempt_at: Generated<Date>;
    created_at: Now;
  };
  kit_openings: {
    login: Fixed<string>;
    number: Fixed<number>;
    act: string;
    opened_at: Date;
    until_at: Date;
    holders: string;
    reason: string;
    client_address: string | null;
    review_id: string;
    read_at: Now;
  };
  reviews: {
    id: Fixed<string>;
    source: Fixed<'grant' | 'kit'>;
    drill_id: string | null;
    grant_id: string | null;
    kit_id: string | null;
    kit_generation: number | null;
    target_id: string | null;
    segment: string;
    task: string;
    reason: string;
    /** Ids of those who used it: none of them reviews it. */
    used_by: string[];
    /** Ids of those who were told. */
    told: Generated<string[]>;
    opened_at: Now;
    due_at: Date;
    chased_at: Now;
    chases: Generated<number>;
    verdict: Verdict | null;
    comment: string | null;
    decided_by: string | null;
    decided_at: Date | null;
  };
}

/** A mark that this store has set on a target, or was about to. */
export interface FenceMark {
  number: number;
  nonce: string;
}

export type DrillState = 'scheduled' | 'ordered' | 'running' | 'done' | 'missed' | 'cancelled';
export type Verdict = 'justified' | 'not-justified' | 'follow-up';
export type SignedInBy = 'token' | 'demo' | 'oidc' | 'passkey' | 'link';
export type CeremonyKind =
  | 'oidc'
  | 'passkey-sign-in'
  | 'passkey-registration'
  | 'step-up'
  | 'registration-link'
  | 'cli-login';

export type StatementState = 'waiting' | 'approved' | 'used' | 'denied' | 'expired' | 'withdrawn';
export type KillScope = 'person' | 'target' | 'segment' | 'everything';
/** `once`: for one session; `session`: until the last of its sessions has ended. */
export type SessionUse = 'once' | 'session';
export type RequestState = 'pending' | 'approved' | 'denied' | 'cancelled' | 'expired';
export type Outcome = 'allow' | 'needs-approval' | 'deny';
export type PeopleChangeState = 'open' | 'confirmed' | 'refused' | 'withdrawn';
export type LiveGrants = 'end' | 'run-out';
export type ProposalState = 'open' | 'published' | 'refused' | 'withdrawn' | 'expired' | 'outdated';
