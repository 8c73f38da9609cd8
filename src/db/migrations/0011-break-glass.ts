// Break-glass: notices to people, reviews that every use must pass, drills, and emergency kits with their holders,
// their dormant logins on targets and the openings that were read there.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS.split(/;\n\n/)) await sql.raw(statement).execute(db);
}

const STATEMENTS = `
create table notices (
  id text primary key,
  principal_id text not null references principals(id),
  kind text not null,
  subject_id text not null,
  text text not null,
  loud boolean not null default false,
  created_at timestamptz not null default now(),
  read_at timestamptz
);

create index notices_by_principal on notices (principal_id, id desc);

create index notices_unread on notices (principal_id) where read_at is null;

create table drills (
  id text primary key,
  kind text not null check (kind in ('grant', 'kit')),
  principal_id text references principals(id),
  target_id text references targets(id),
  task_id text references tasks(id),
  kit_id text,
  segment text not null,
  note text not null default '',
  due_at timestamptz not null,
  every_days int,
  state text not null default 'scheduled' check (state in ('scheduled', 'ordered', 'running', 'done', 'missed', 'cancelled')),
  scheduled_by text not null references principals(id),
  ordered_at timestamptz,
  started_at timestamptz,
  connected_at timestamptz,
  ended_at timestamptz,
  review_id text,
  created_at timestamptz not null default now()
);

create index drills_open on drills (due_at) where state in ('scheduled', 'ordered', 'running');

create table kits (
  id text primary key,
  segment text not null references segments(path),
  task_id text not null references tasks(id),
  quorum int not null,
  limit_s int not null,
  generation int not null default 1,
  state text not null default 'making' check (state in ('making', 'ready', 'retiring', 'retired')),
  file jsonb,
  file_generation int,
  expires_at timestamptz,
  problems jsonb not null default '[]',
  checked_at timestamptz,
  made_by text not null references principals(id),
  created_at timestamptz not null default now(),
  rotated_at timestamptz
);

create unique index kits_one_a_segment on kits (segment) where state <> 'retired';

create table kit_holders (
  kit_id text not null references kits(id),
  generation int not null,
  place int not null,
  principal_id text not null references principals(id),
  share bytea,
  taken_at timestamptz,
  primary key (kit_id, generation, place)
);

create table kit_logins (
  login text primary key,
  kit_id text not null references kits(id),
  generation int not null,
  target_id text not null references targets(id),
  handle jsonb not null,
  wanted text not null default 'present' check (wanted in ('present', 'absent')),
  observed text not null default 'unknown' check (observed in ('unknown', 'present', 'inert', 'absent')),
  problem text,
  last_error text,
  opened_at timestamptz,
  absent_at timestamptz,
  next_attempt_at timestamptz not null default now(),
  created_at timestamptz not null default now()
);

create index kit_logins_by_kit on kit_logins (kit_id, generation);

create table kit_openings (
  login text not null references kit_logins(login),
  number int not null,
  act text not null,
  opened_at timestamptz not null,
  until_at timestamptz not null,
  holders text not null,
  reason text not null,
  client_address text,
  review_id text not null,
  read_at timestamptz not null default now(),
  primary key (login, number)
);

create table reviews (
  id text primary key,
  source text not null check (source in ('grant', 'kit')),
  drill_id text references drills(id),
  grant_id text unique references grants(id),
  kit_id text references kits(id),
  kit_generation int,
  target_id text references targets(id),
  segment text not null,
  task text not null,
  reason text not null,
  used_by text[] not null,
  told text[] not null default '{}',
  opened_at timestamptz not null default now(),
  due_at timestamptz not null,
  chased_at timestamptz not null default now(),
  chases int not null default 0,
  verdict text check (verdict in ('justified', 'not-justified', 'follow-up')),
  comment text,
  decided_by text references principals(id),
  decided_at timestamptz,
  unique (kit_id, kit_generation)
);

create index reviews_open on reviews (due_at) where decided_at is null;

alter table kit_openings add foreign key (review_id) references reviews(id);

alter table drills add foreign key (review_id) references reviews(id);

alter table drills add foreign key (kit_id) references kits(id)`;
