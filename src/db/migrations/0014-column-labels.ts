// What kind of data a column of a target holds, as a person said: what policy's @mask speaks of; and what a session
// masks, by the labels of which version.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table column_labels (
      target_id text not null references targets (id),
      database text not null,
      schema_name text not null,
      table_name text not null,
      column_name text not null,
      label text not null,
      set_by text not null references principals (id),
      set_at timestamptz not null default now(),
      primary key (target_id, database, schema_name, table_name, column_name)
    )`.execute(db);
  await sql`alter table targets add column label_version integer not null default 0`.execute(db);
  await sql`alter table sessions add column masked text[] not null default '{}',
    add column label_version integer`.execute(db);
}
