// That somebody wants a session to end stands in its row: an event can be lost, a row cannot.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table sessions add column ending text`.execute(db);
}
