// Around a decision: an approval keeps the circumstances in which it was given and answers one card, and who is on call
// is a schedule instead of a flag.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS.split(/;\n\n/)) await sql.raw(statement).execute(db);
}

const STATEMENTS = `
alter table approvals add column circumstances jsonb;

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

create index grants_wanted on grants (principal_id) where wanted = 'present'`;
