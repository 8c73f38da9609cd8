// Which run of a replica somebody has asked to stop, and how long its sessions may go on; null: as it was started with.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table replicas add column drain_run text,
    add column drain_seconds integer check (drain_seconds between 0 and 3600)`.execute(db);
}
