// How people sign in: identities at a provider (by issuer and subject), the groups that a provider says, passkeys,
// ceremonies (what is begun in a browser and must be completed there once), logins of the command line by a code.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS.split(/;\n\n/)) await sql.raw(statement).execute(db);
}

const STATEMENTS = `
alter table tokens
  add column signed_in_by text check (signed_in_by in ('token', 'demo', 'oidc', 'passkey', 'link')),
  add column mfa_at timestamptz;

alter table requests add column mfa_age_s integer check (mfa_age_s >= 0);

alter table credentials add column mfa_at timestamptz;

create table identities (
  issuer text not null,
  subject text not null,
  principal_id text not null references principals(id),
  linked_at timestamptz not null default now(),
  last_used_at timestamptz,
  primary key (issuer, subject),
  unique (principal_id, issuer)
);

create table provider_memberships (
  issuer text not null,
  group_id text not null references groups(id),
  principal_id text not null references principals(id),
  primary key (principal_id, group_id, issuer)
);

create table passkeys (
  id text primary key,
  principal_id text not null references principals(id),
  credential_id bytea not null unique,
  public_key bytea not null,
  counter bigint not null,
  transports text[] not null default '{}',
  backed_up boolean not null,
  name text not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz
);

create index passkeys_by_principal on passkeys (principal_id);

create table ceremonies (
  hash bytea primary key,
  kind text not null check (kind in
    ('oidc', 'passkey-sign-in', 'passkey-registration', 'step-up', 'registration-link', 'cli-login')),
  principal_id text references principals(id),
  token_id text references tokens(id),
  source_address text not null,
  detail jsonb not null default '{}',
  expires_at timestamptz not null,
  created_at timestamptz not null default now()
);

create index ceremonies_by_expiry on ceremonies (expires_at);

create index ceremonies_by_address on ceremonies (source_address);

create table device_logins (
  device_hash bytea primary key,
  user_code_hash bytea not null unique,
  machine text not null,
  source_address text not null,
  state text not null default 'pending' check (state in ('pending', 'allowed', 'denied')),
  principal_id text references principals(id),
  mfa_at timestamptz,
  interval_s integer not null,
  polled_at timestamptz,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  check (state = 'pending' or principal_id is not null)
);

create index device_logins_by_address on device_logins (source_address)
`;
