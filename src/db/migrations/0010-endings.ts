// What ends or changes a grant: kill switches that hold until they are lifted, extensions that somebody approves, grants
// for one session, a clock that starts at the first connection, a bounded grace at the deadline, several grants of one
// request, and targets that are taken out while their past stays readable.

import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS.split(/;\n\n/)) await sql.raw(statement).execute(db);
}

const STATEMENTS = `
create table kills (
  id text primary key,
  scope text not null check (scope in ('person', 'target', 'segment', 'everything')),
  principal_id text references principals(id),
  target_id text references targets(id),
  segment text references segments(path),
  name text not null,
  reason text not null,
  killed_by text not null references principals(id),
  killed_at timestamptz not null default now(),
  lifted_by text references principals(id),
  lifted_at timestamptz,
  lift_reason text,
  check ((scope = 'person') = (principal_id is not null)),
  check ((scope = 'target') = (target_id is not null)),
  check ((scope = 'segment') = (segment is not null)),
  check ((lifted_at is null) = (lifted_by is null))
);

create unique index kills_in_force on kills (scope, name) where lifted_at is null;

alter table grants add column kill_id text references kills(id);

create index grants_by_kill on grants (kill_id) where kill_id is not null;

alter table requests add column kill_id text references kills(id);

create index requests_by_kill on requests (kill_id) where kill_id is not null;

alter table requests add column extends_grant text references grants(id);

create index extensions on requests (extends_grant) where extends_grant is not null;

create unique index extension_pending on requests (extends_grant) where state = 'pending' and extends_grant is not null;

alter table requests add column session_use text check (session_use in ('once', 'session'));

alter table grants add column session_use text check (session_use in ('once', 'session'));

create index grants_by_session_use on grants (id) where session_use is not null and wanted = 'present';

alter table grants add column claim_s integer check (claim_s > 0);

alter table grants add column claimed_at timestamptz;

alter table grants add column landing_s integer not null default 0 check (landing_s >= 0);

create index grants_landing on grants (expires_at) where landing_s > 0 and wanted = 'present' and observed = 'present';

create table request_members (
  request_id text not null references requests(id),
  place integer not null,
  target_id text not null references targets(id),
  task_id text not null references tasks(id),
  digest text not null,
  outcome text not null check (outcome in ('allow', 'needs-approval', 'deny')),
  obligations jsonb not null,
  decision_id text references decisions(id),
  primary key (request_id, place),
  unique (request_id, target_id, task_id)
);

alter table grants drop constraint grants_request_id_key;

alter table grants add column bundled boolean not null default false;

create unique index grants_of_request on grants (request_id, target_id, task_id);

create function grant_needs_target() returns trigger language plpgsql as $$
begin
  perform 1 from targets where id = new.target_id and removed_at is null for key share;
  if not found then
    raise exception 'the target of a new grant was removed' using errcode = 'SP404';
  end if;
  return new;
end $$;

create trigger grant_needs_target before insert on grants for each row execute function grant_needs_target();

create index grants_waiting_for_others on grants (request_id) where bundled and wanted = 'present' and activated_at is null;

alter table targets add column removed_at timestamptz`;
