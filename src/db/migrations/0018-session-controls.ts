// What policy held a session to when it opened (budgets and the like), and the measures of what it did: bytes, errors and
// time beside statements and rows, by verb and object.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table sessions add column controls jsonb not null default '{}'`.execute(db);
  await sql`alter table session_use add column bytes bigint not null default 0,
    add column errors integer not null default 0, add column duration_ms double precision not null default 0`.execute(
    db,
  );
}
