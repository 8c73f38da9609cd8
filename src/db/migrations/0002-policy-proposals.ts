// A change of policy is a proposal until a second person has signed it: what is proposed, over which set, by whom,
// and who signed which digest. A segment may have an owner, a group, that proposes changes to its own pack.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS.split(/;\n\n/)) await sql.raw(statement).execute(db);
}

const STATEMENTS = `
create table policy_proposals (
  id text primary key,
  digest text not null,
  base_digest text not null,
  files jsonb not null,
  comment text not null,
  live_grants text not null default 'end' check (live_grants in ('end', 'run-out')),
  pack text,
  rollback boolean not null default false,
  state text not null default 'open'
    check (state in ('open', 'published', 'refused', 'withdrawn', 'expired', 'outdated')),
  proposed_by text not null references principals(id),
  source_address text not null,
  proposed_at timestamptz not null default now(),
  expires_at timestamptz not null,
  decided_by text references principals(id),
  decided_at timestamptz,
  reason text,
  plan jsonb,
  check ((state = 'open') = (decided_at is null))
);

create index policy_proposals_open on policy_proposals (expires_at) where state = 'open';

create table policy_signatures (
  proposal_id text not null references policy_proposals(id),
  principal_id text not null references principals(id),
  digest text not null,
  sole boolean not null default false,
  source_address text not null,
  signed_at timestamptz not null default now(),
  primary key (proposal_id, principal_id)
);

alter table policy_sets add column proposal_id text references policy_proposals(id);

alter table policy_sets add column live_grants text not null default 'end'
  check (live_grants in ('end', 'run-out'));

alter table segments add column owner text references groups(name)`;
