// Who watches an open session, and what the replica that holds it shows of it: one row a session, replaced again and
// again while somebody watches. Unlogged, since the recording is the record: a store that fails over forgets the row, and
// the next one comes half a second later.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table session_watches (
      session_id text not null references sessions (id) on delete cascade,
      principal_id text not null references principals (id),
      since timestamptz not null default now(),
      until timestamptz not null,
      primary key (session_id, principal_id)
    )`.execute(db);
  await sql`
    create unlogged table session_views (
      session_id text primary key,
      version bigint not null,
      said_at timestamptz not null default now(),
      body text not null
    )`.execute(db);
}
