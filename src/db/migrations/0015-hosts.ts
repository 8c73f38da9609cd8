// The authority that hosts trust: its keys, sealed, the newest of which signs; and what it has signed, so that no
// grant takes certificates without end.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table host_authorities (
      number integer primary key,
      public_key text not null unique,
      sealed bytea not null,
      made_at timestamptz not null default clock_timestamp()
    )`.execute(db);
  await sql`
    create table host_certificates (
      serial bigint generated always as identity primary key,
      grant_id text not null references grants (id),
      fingerprint text not null,
      valid_until timestamptz not null,
      issued_at timestamptz not null default now()
    )`.execute(db);
  await sql`create index host_certificates_grant on host_certificates (grant_id)`.execute(db);
}
