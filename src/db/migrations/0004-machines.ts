// Tokens with limits, tokens of other issuers that were used once, and what a directory says about people and groups.
// What policy reads stays in principals, groups and memberships: a directory writes there like anybody else.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS.split(/;\n\n/)) await sql.raw(statement).execute(db);
}

const STATEMENTS = `
alter table tokens
  add column scopes text[] check (cardinality(scopes) > 0),
  add column address_ranges text[] check (cardinality(address_ranges) > 0),
  add column issued_by text references principals(id);

create table workload_tokens_used (
  token_key bytea primary key,
  issuer text not null,
  token_id text not null references tokens(id),
  expires_at timestamptz not null,
  used_at timestamptz not null default now()
);

create index workload_tokens_used_over on workload_tokens_used (expires_at);

create table directory_users (
  principal_id text primary key references principals(id),
  user_name text not null,
  external_id text,
  attributes jsonb not null,
  active boolean not null,
  disabled_by_directory boolean not null default false,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  deleted_at timestamptz
);

create unique index directory_users_by_name on directory_users (lower(user_name)) where deleted_at is null;

create index directory_users_by_external_id on directory_users (external_id) where deleted_at is null;

create table directory_groups (
  group_id text primary key references groups(id),
  display_name text not null,
  external_id text,
  version integer not null default 1,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now()
);

create index directory_groups_by_external_id on directory_groups (external_id)`;
