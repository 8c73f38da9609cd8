// How long each recording is kept, who holds it, and where it lies: on its replica's disk, or as an object in a store.
// What an earlier version recorded has no time and is kept for ever.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table sessions
      add column keep_s bigint,
      add column held_at timestamptz,
      add column held_by text references principals (id),
      add column hold_reason text,
      add column removed_at timestamptz,
      add column recording_object text,
      add column recording_stored_at timestamptz,
      add column file_gone_at timestamptz,
      add column object_gone_at timestamptz`.execute(db);
  // By the time first, so that those which are over are found without looking at all others.
  await sql`
    create index sessions_kept on sessions (keep_s, ended_at)
    where keep_s is not null and removed_at is null and held_at is null and recording_hash is not null`.execute(
    db,
  );
  await sql`
    create index sessions_file_over on sessions (gateway)
    where file_gone_at is null and (removed_at is not null or recording_object is not null)`.execute(db);
  await sql`
    create index sessions_object_over on sessions (removed_at)
    where removed_at is not null and recording_object is not null and object_gone_at is null`.execute(db);
  await sql`
    create index sessions_not_stored on sessions (gateway, ended_at)
    where recording_hash is not null and recording_object is null and removed_at is null`.execute(db);
}
