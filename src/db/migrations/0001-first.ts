// The first shape of the store. Every state column has a check, every list that a page shows has its index,
// and the queue of grants is the grants table itself (its partial indexes say what is due).

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS.split(/;\n\n/)) await sql.raw(statement).execute(db);
}

const STATEMENTS = `
create table installation (
  only_row boolean primary key default true check (only_row),
  id text not null,
  epoch integer not null default 1,
  master_key_check text not null,
  created_at timestamptz not null default now()
);

create table principals (
  id text primary key,
  kind text not null check (kind in ('person', 'service', 'agent')),
  name text not null unique check (name ~ '^[a-z0-9][a-z0-9._@-]{0,99}$'),
  display_name text not null,
  email text,
  account_type text not null default 'employee',
  title text,
  manager_id text references principals(id),
  sponsor_id text references principals(id),
  same_person_as text references principals(id),
  on_call boolean not null default false,
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  check (kind <> 'agent' or sponsor_id is not null)
);

create table groups (
  id text primary key,
  name text not null unique check (name ~ '^[a-z0-9][a-z0-9._-]{0,99}$'),
  created_at timestamptz not null default now()
);

create table memberships (
  group_id text not null references groups(id),
  principal_id text not null references principals(id),
  primary key (group_id, principal_id)
);

create index memberships_by_principal on memberships (principal_id);

create table tokens (
  id text primary key,
  principal_id text not null references principals(id),
  kind text not null check (kind in ('api', 'browser')),
  name text not null,
  hash bytea not null unique,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  last_used_at timestamptz,
  created_at timestamptz not null default now()
);

create index tokens_by_principal on tokens (principal_id);

create table segments (
  path text primary key check (path ~ '^[a-z0-9][a-z0-9-]{0,62}(/[a-z0-9][a-z0-9-]{0,62}){0,9}$'),
  parent text references segments(path),
  time_zone text not null default 'UTC',
  description text not null default ''
);

create table targets (
  id text primary key,
  name text not null unique check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  kind text not null,
  segment text not null references segments(path),
  environment text not null,
  sensitivity text not null default 'normal' check (sensitivity in ('low', 'normal', 'high')),
  owner text,
  settings jsonb not null,
  credential bytea not null,
  version integer not null default 1,
  check_report jsonb,
  checked_at timestamptz,
  created_at timestamptz not null default now()
);

create table tasks (
  id text primary key,
  name text not null unique check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  kind text not null,
  segment text references segments(path),
  parent text references tasks(name),
  description text not null,
  entitlement jsonb not null,
  version integer not null default 1,
  created_at timestamptz not null default now()
);

create table policy_sets (
  id text primary key,
  digest text not null,
  files jsonb not null,
  published_by text references principals(id),
  published_at timestamptz not null default now(),
  in_force boolean not null default false
);

create unique index policy_set_in_force on policy_sets (in_force) where in_force;

create table requests (
  id text primary key,
  requester_id text not null references principals(id),
  target_id text not null references targets(id),
  task_id text not null references tasks(id),
  duration_s integer not null check (duration_s > 0),
  reason text not null,
  ticket text,
  source_address text not null,
  digest text not null,
  state text not null check (state in ('pending', 'approved', 'denied', 'cancelled', 'expired')),
  outcome text not null check (outcome in ('allow', 'needs-approval', 'deny')),
  reasons jsonb not null,
  obligations jsonb not null,
  approved_duration_s integer check (approved_duration_s > 0),
  expires_at timestamptz not null,
  decided_at timestamptz,
  created_at timestamptz not null default now(),
  version integer not null default 1
);

create index requests_by_requester on requests (requester_id, id);

create index requests_pending on requests (expires_at) where state = 'pending';

create table decisions (
  id text primary key,
  request_id text references requests(id),
  grant_id text,
  action text not null,
  outcome text not null,
  policy_digest text not null,
  facts jsonb not null,
  reasons jsonb not null,
  obligations jsonb not null,
  decided_at timestamptz not null default now()
);

create index decisions_by_request on decisions (request_id);

create table approvals (
  id text primary key,
  request_id text not null references requests(id),
  principal_id text not null references principals(id),
  verdict text not null check (verdict in ('approve', 'deny')),
  digest text not null,
  duration_s integer check (duration_s > 0),
  reason text,
  given_at timestamptz not null default now(),
  unique (request_id, principal_id)
);

create table request_views (
  request_id text not null references requests(id),
  principal_id text not null references principals(id),
  seen_at timestamptz not null default now(),
  primary key (request_id, principal_id)
);

create table grants (
  id text primary key,
  request_id text not null unique references requests(id),
  principal_id text not null references principals(id),
  target_id text not null references targets(id),
  task_id text not null references tasks(id),
  login text not null unique check (login ~ '^[a-z0-9_]{1,63}$'),
  handle jsonb not null,
  duration_s integer not null check (duration_s > 0),
  wanted text not null default 'present' check (wanted in ('present', 'absent')),
  observed text not null default 'unknown' check (observed in ('unknown', 'present', 'inert', 'absent')),
  activated_at timestamptz,
  expires_at timestamptz,
  native_expires_at timestamptz,
  ended_at timestamptz,
  end_reason text,
  ended_by text references principals(id),
  inert_at timestamptz,
  absent_at timestamptz,
  report jsonb,
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  last_error text,
  lease_until timestamptz,
  created_at timestamptz not null default now(),
  version integer not null default 1,
  check (wanted = 'present' or end_reason is not null),
  check ((activated_at is null) = (expires_at is null))
);

create index grants_by_principal on grants (principal_id, id);

create index grants_by_target on grants (target_id, id);

create index grants_due on grants (next_attempt_at)
  where (wanted = 'present' and observed = 'unknown') or (wanted = 'absent' and observed <> 'absent');

create index grants_expiring on grants (expires_at) where wanted = 'present' and observed = 'present';

create index grants_recently_absent on grants (target_id, absent_at) where observed = 'absent';

create table credentials (
  id text primary key,
  grant_id text not null references grants(id),
  stored_key bytea not null,
  server_key bytea not null,
  issued_to text not null references principals(id),
  issued_at timestamptz not null default now()
);

create index credentials_by_grant on credentials (grant_id);

create table sessions (
  id text primary key,
  grant_id text not null references grants(id),
  principal_id text not null references principals(id),
  target_id text not null references targets(id),
  task_id text not null references tasks(id),
  gateway text not null,
  client_address text not null,
  application text,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  ended_at timestamptz,
  end_reason text,
  statements integer not null default 0,
  refused integer not null default 0,
  errors integer not null default 0,
  rows_read bigint not null default 0,
  bytes_read bigint not null default 0,
  bytes_written bigint not null default 0,
  recording text,
  recording_hash text
);

create index sessions_by_grant on sessions (grant_id);

create index sessions_live on sessions (gateway) where ended_at is null;

create table session_use (
  session_id text not null references sessions(id),
  verb text not null,
  object text not null,
  statements integer not null,
  rows bigint not null,
  primary key (session_id, verb, object)
);

create table audit_entries (
  seq bigint generated always as identity primary key,
  index bigint,
  leaf text not null,
  leaf_hash bytea,
  chain bytea,
  kind text not null,
  actor_id text,
  request_id text,
  grant_id text,
  session_id text,
  target_id text,
  at timestamptz not null default now()
);

create unique index audit_by_index on audit_entries (index) where index is not null;

create index audit_unsequenced on audit_entries (seq) where index is null;

create index audit_by_request on audit_entries (request_id) where request_id is not null;

create index audit_by_grant on audit_entries (grant_id) where grant_id is not null;

create index audit_by_session on audit_entries (session_id) where session_id is not null;

create index audit_by_actor on audit_entries (actor_id, seq);

create table audit_tree (
  only_row boolean primary key default true check (only_row),
  size bigint not null default 0,
  frontier bytea[] not null default '{}',
  chain bytea not null default '\\x'
);

insert into audit_tree default values;

create table audit_checkpoints (
  size bigint primary key,
  root bytea not null,
  note text not null,
  at timestamptz not null default now()
)`;
