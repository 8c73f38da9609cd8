// Around a decision: an approval keeps the circumstances in which it was given and answers one card, who is on call is
// a schedule instead of a flag, who is away may
// have a stand-in, what is asked for may start later, and a segment has a time zone and an owner of its own or those of the one above.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS.split(/;\n\n/)) await sql.raw(statement).execute(db);
}

const STATEMENTS = `
alter table approvals add column circumstances jsonb;

alter table approvals add column on_behalf_of text references principals(id);

alter table approvals drop constraint approvals_request_id_principal_id_key;

create unique index approvals_once on approvals (request_id, principal_id, digest);

create table on_call_shifts (
  id text primary key,
  group_id text not null references groups(id),
  principal_id text not null references principals(id),
  from_at timestamptz not null,
  until_at timestamptz not null,
  created_by text references principals(id),
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  check (from_at < until_at)
);

create index on_call_by_principal on on_call_shifts (principal_id, until_at) where ended_at is null;

create table delegations (
  id text primary key,
  principal_id text not null references principals(id),
  stand_in_id text not null references principals(id),
  from_at timestamptz not null,
  until_at timestamptz not null,
  created_at timestamptz not null default now(),
  ended_at timestamptz,
  check (from_at < until_at),
  check (principal_id <> stand_in_id)
);

create index delegations_by_stand_in on delegations (stand_in_id, until_at) where ended_at is null;

create index delegations_by_principal on delegations (principal_id, until_at) where ended_at is null;

alter table requests add column starts_at timestamptz;

alter table grants add column starts_at timestamptz;

alter table segments add column own_time_zone boolean not null default false;

create index grants_wanted on grants (principal_id) where wanted = 'present'`;
