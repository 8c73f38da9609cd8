// The ledger beyond one row a grant: what each node of a target says of it, what somebody changed by hand on its
// identity, whether each target answers, and entitlements that several grants hold together.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS.split(/;\n\n/)) await sql.raw(statement).execute(db);
}

const STATEMENTS = `
create table grant_nodes (
  grant_id text not null references grants(id),
  node text not null,
  role text not null check (role in ('primary', 'standby')),
  observed text not null check (observed in ('unknown', 'present', 'inert', 'absent')),
  since timestamptz not null,
  asked_at timestamptz not null,
  error text,
  version bigint not null,
  primary key (grant_id, node)
);

alter table grants add column altered jsonb;

create table target_nodes (
  target_id text not null references targets(id),
  node text not null,
  role text not null check (role in ('primary', 'standby')),
  last_contact_at timestamptz,
  failing_since timestamptz,
  last_error text,
  last_error_code text,
  clock_skew_s double precision,
  looked_at timestamptz not null,
  primary key (target_id, node)
);

create table shared_entitlements (
  target_id text not null references targets(id),
  key text not null,
  observed text not null default 'unknown' check (observed in ('unknown', 'present', 'absent')),
  standing boolean,
  since timestamptz not null default now(),
  lease_until timestamptz,
  version bigint not null default 0,
  primary key (target_id, key)
);

create table shared_holders (
  target_id text not null,
  key text not null,
  grant_id text not null references grants(id),
  leaving boolean not null default false,
  since timestamptz not null default now(),
  primary key (target_id, key, grant_id),
  foreign key (target_id, key) references shared_entitlements(target_id, key)
);

create index shared_holders_by_grant on shared_holders (grant_id);

create index grants_ended on grants (ended_at) where ended_at is not null`;
