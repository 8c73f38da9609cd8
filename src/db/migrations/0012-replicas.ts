// Several processes on one store: who they are, which versions may run on it, whose a lease is, whose turn something
// is; what failed at sign-in, counted for all of them; and what a restored or copied store is told by.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS.split(/;\n\n/)) await sql.raw(statement).execute(db);
}

const STATEMENTS = `
alter table installation
  add column store_version integer not null default 1,
  add column oldest_version integer not null default 1,
  add column recovery jsonb,
  add column password_generation integer not null default 0;

create table replicas (
  name text primary key,
  run text not null unique,
  version text not null,
  store_version integer not null,
  roles text[] not null,
  addresses jsonb not null,
  key_checks text[] not null default '{}',
  draining boolean not null default false,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  stopped_at timestamptz
);

create table turns (
  name text primary key,
  holder text not null,
  until_at timestamptz not null
);

create table failures (
  kind text not null,
  who text not null,
  since_at timestamptz not null default now(),
  count integer not null default 1,
  primary key (kind, who)
);

alter table grants
  add column lease_by text,
  add column password_key text;

alter table segments add column store_grace_s integer check (store_grace_s between 0 and 3600);

alter table targets add column next_credential bytea;

create table target_fences (
  target_id text primary key references targets(id),
  number bigint not null default 0,
  known jsonb not null default '[]',
  log_size bigint not null default 0,
  written_at timestamptz not null default now()
);

create table bridges (
  epoch integer primary key,
  kept jsonb not null,
  proof bytea not null,
  signed_by text references principals(id),
  signed_at timestamptz not null default now()
);

create table log_keys (
  number integer generated always as identity primary key,
  verifier_key text not null unique,
  sealed bytea not null,
  from_size bigint,
  made_at timestamptz not null default now()
);

create table master_keys (
  key_check text primary key,
  wrapped bytea not null,
  wrapped_by text not null,
  made_at timestamptz not null default now()
)`;
