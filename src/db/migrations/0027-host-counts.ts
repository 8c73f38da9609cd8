// What a session on a host did, in the words of hosts: programs and shells, files, forwarded connections. Sessions of
// earlier versions are counted as none.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table sessions
      add column commands int not null default 0,
      add column files int not null default 0,
      add column connections int not null default 0`.execute(db);
}
