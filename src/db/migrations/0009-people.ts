// Changes of people that wait for a second person, and whose hands a way to sign in went through: what somebody handed
// out is no second voice beside them. A group that owns a segment can be renamed and deleted by its directory.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS.split(/;\n\n/)) await sql.raw(statement).execute(db);
}

const STATEMENTS = `
create table people_changes (
  id text primary key,
  principal_id text not null references principals(id),
  change jsonb not null,
  why_two text[] not null,
  state text not null default 'open' check (state in ('open', 'confirmed', 'refused', 'withdrawn')),
  proposed_by text not null references principals(id),
  proposed_handed_by text[] not null default '{}',
  reason text not null,
  source_address text not null,
  proposed_at timestamptz not null default now(),
  expires_at timestamptz not null,
  decided_by text references principals(id),
  decided_at timestamptz,
  decided_reason text,
  check ((state = 'open') = (decided_at is null))
);

create index people_changes_open on people_changes (proposed_at) where state = 'open';

alter table segments drop constraint segments_owner_fkey;

alter table segments add constraint segments_owner_fkey
  foreign key (owner) references groups(name) on update cascade on delete set null;

alter table tokens add column handed_by text[] not null default '{}';

alter table passkeys add column handed_by text[] not null default '{}';

alter table identities add column handed_by text[] not null default '{}';

alter table device_logins add column handed_by text[] not null default '{}';

alter table policy_proposals add column handed_by text[] not null default '{}';

alter table requests add column handed_by text[] not null default '{}'`;
