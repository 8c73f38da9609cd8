// Statements that wait for somebody's yes: text and values as they were sent, the estimate, who has to agree, who did.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS.split(/;\n\n/)) await sql.raw(statement).execute(db);
}

const STATEMENTS = `
create table statement_requests (
  id text primary key,
  session_id text not null references sessions(id),
  text text not null,
  parameters jsonb not null,
  digest text not null,
  estimate text,
  stages jsonb not null,
  state text not null check (state in ('waiting', 'approved', 'used', 'denied', 'expired', 'withdrawn')),
  reason text,
  decided_by text references principals(id),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  decided_at timestamptz
);

create index statement_requests_by_session on statement_requests (session_id);

create index statement_requests_waiting on statement_requests (id) where state = 'waiting';

create table statement_approvals (
  statement_id text not null references statement_requests(id),
  principal_id text not null references principals(id),
  digest text not null,
  given_at timestamptz not null default clock_timestamp(),
  circumstances jsonb not null,
  primary key (statement_id, principal_id)
)`;
