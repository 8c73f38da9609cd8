// Counts over the last days: how privileges are asked for, how fast they come, how long they are held and used, and
// how much of what was granted was needed. The same numbers feed the portal's page and /metrics.

import { sql } from 'kysely';
import type { InsightRow, Insights } from '../api/insights.ts';
import type { Db } from '../db/client.ts';
import type { Tasks } from '../targets/tasks.ts';
import { rightsInUse } from './usage.ts';

interface RequestCounts {
  task: string;
  person: string;
  day: string;
  requests: number;
  allowed: number;
  approved: number;
  denied: number;
  pending: number;
}

interface GrantCounts {
  id: string;
  task: string;
  person: string;
  secondsToAccess: number | null;
  heldSeconds: number;
  usedSeconds: number;
  statements: number;
}

const MOST_GRANTS = 20_000;

/** `principalId` null: everybody. */
export async function summarise(
  ctx: { db: Db; tasks: Tasks },
  days: number,
  principalId: string | null,
): Promise<Insights> {
  const [requests, grants, uses, tasks, now] = await Promise.all([
    requestCounts(ctx.db, days, principalId),
    grantCounts(ctx.db, days, principalId),
    usesByGrant(ctx.db, days, principalId),
    ctx.tasks.list(),
    rightNow(ctx.db, principalId),
  ]);
  const rightsOf = new Map(tasks.map((task) => [task.name, ctx.tasks.rights(task)]));
  const unusedCounts = new Map<string, { task: string; right: string; grants: number }>();
  const measured = grants.map((grant) => {
    const { used, unused } = rightsInUse(rightsOf.get(grant.task) ?? [], uses.get(grant.id) ?? []);
    for (const right of unused) {
      const key = `${grant.task}\n${right.words}`;
      const entry = unusedCounts.get(key) ?? { task: grant.task, right: right.words, grants: 0 };
      entry.grants += 1;
      unusedCounts.set(key, entry);
    }
    return { ...grant, rightsUsed: used.length, rightsGranted: used.length + unused.length };
  });
  const by = (key: 'task' | 'person') =>
    [...new Set([...requests.map((r) => r[key]), ...grants.map((g) => g[key])])].sort().map((name) =>
      row(
        name,
        requests.filter((r) => r[key] === name),
        measured.filter((g) => g[key] === name),
      ),
    );
  return {
    days,
    totals: row('all', requests, measured),
    byTask: by('task'),
    byPerson: by('person'),
    byDay: byDay(requests),
    unusedRights: [...unusedCounts.values()].sort((a, b) => b.grants - a.grants).slice(0, 20),
    ...now,
  };
}

type Measured = GrantCounts & { rightsUsed: number; rightsGranted: number };

function row(name: string, requests: RequestCounts[], grants: Measured[]): InsightRow {
  const sum = <T>(items: T[], of: (item: T) => number) => items.reduce((total, item) => total + of(item), 0);
  return {
    name,
    requests: sum(requests, (r) => r.requests),
    allowed: sum(requests, (r) => r.allowed),
    approved: sum(requests, (r) => r.approved),
    denied: sum(requests, (r) => r.denied),
    pending: sum(requests, (r) => r.pending),
    medianSecondsToAccess: median(
      grants.flatMap((g) => (g.secondsToAccess === null ? [] : [g.secondsToAccess])),
    ),
    heldSeconds: sum(grants, (g) => g.heldSeconds),
    usedSeconds: sum(grants, (g) => g.usedSeconds),
    rightsGranted: sum(grants, (g) => g.rightsGranted),
    rightsUsed: sum(grants, (g) => g.rightsUsed),
    statements: sum(grants, (g) => g.statements),
  };
}

function byDay(requests: RequestCounts[]): Insights['byDay'] {
  const days = new Map<string, Insights['byDay'][number]>();
  for (const item of requests) {
    const day = days.get(item.day) ?? { day: item.day, requests: 0, allowed: 0, approved: 0, denied: 0 };
    day.requests += item.requests;
    day.allowed += item.allowed;
    day.approved += item.approved;
    day.denied += item.denied;
    days.set(item.day, day);
  }
  return [...days.values()].sort((a, b) => a.day.localeCompare(b.day));
}

/** The middle value (the mean of the two middle ones), or null of nothing. */
export function median(values: number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  return upper === undefined || lower === undefined ? null : (upper + lower) / 2;
}

async function requestCounts(db: Db, days: number, principalId: string | null): Promise<RequestCounts[]> {
  const { rows } = await sql<RequestCounts>`
    select k.name as task, p.name as person, to_char(r.created_at at time zone 'UTC', 'YYYY-MM-DD') as day,
      count(*)::int as requests,
      count(*) filter (where r.state = 'approved' and r.outcome = 'allow')::int as allowed,
      count(*) filter (where r.state = 'approved' and r.outcome <> 'allow')::int as approved,
      count(*) filter (where r.state = 'denied')::int as denied,
      count(*) filter (where r.state = 'pending')::int as pending
    from requests r join tasks k on k.id = r.task_id join principals p on p.id = r.requester_id
    where r.created_at > now() - make_interval(days => ${days}) and (${principalId}::text is null or r.requester_id = ${principalId})
    group by 1, 2, 3`.execute(db);
  return rows;
}

async function grantCounts(db: Db, days: number, principalId: string | null): Promise<GrantCounts[]> {
  const { rows } = await sql<GrantCounts>`
    select g.id, k.name as task, p.name as person,
      extract(epoch from g.activated_at - r.created_at)::float8 as "secondsToAccess",
      coalesce(extract(epoch from coalesce(g.ended_at, now()) - g.activated_at), 0)::float8 as "heldSeconds",
      coalesce(s.used, 0)::float8 as "usedSeconds", coalesce(s.statements, 0)::int as statements
    from grants g join requests r on r.id = g.request_id join tasks k on k.id = g.task_id join principals p on p.id = g.principal_id
    left join lateral (
      select sum(statements) as statements,
        (select extract(epoch from sum(upper(part) - lower(part))) from unnest(range_agg(tstzrange(started_at, coalesce(ended_at, now())))) as part) as used
      from sessions where grant_id = g.id
    ) s on true
    where g.created_at > now() - make_interval(days => ${days}) and (${principalId}::text is null or g.principal_id = ${principalId})
    order by g.id desc limit ${MOST_GRANTS}`.execute(db);
  return rows;
}

async function usesByGrant(db: Db, days: number, principalId: string | null) {
  const { rows } = await sql<{
    grant: string;
    verb: string;
    object: string;
    statements: number;
    rows: number;
  }>`
    select s.grant_id as grant, u.verb, u.object, sum(u.statements)::int as statements, sum(u.rows)::bigint as rows
    from session_use u join sessions s on s.id = u.session_id join grants g on g.id = s.grant_id
    where u.statements > 0 and g.created_at > now() - make_interval(days => ${days}) and (${principalId}::text is null or g.principal_id = ${principalId})
    group by 1, 2, 3`.execute(db);
  return Map.groupBy(rows, (use) => use.grant);
}

/** What is live at this moment; also for /metrics. */
export async function rightNow(db: Db, principalId: string | null) {
  const { rows } = await sql<{ activeGrants: number; overdueGrants: number; liveSessions: number }>`
    select
      (select count(*)::int from grants where wanted = 'present' and observed = 'present'
        and (${principalId}::text is null or principal_id = ${principalId})) as "activeGrants",
      (select count(*)::int from grants where wanted = 'absent' and observed in ('unknown', 'present')
        and ended_at < now() - interval '60 seconds' and (${principalId}::text is null or principal_id = ${principalId})) as "overdueGrants",
      (select count(*)::int from sessions where ended_at is null
        and (${principalId}::text is null or principal_id = ${principalId})) as "liveSessions"`.execute(db);
  return rows[0] ?? { activeGrants: 0, overdueGrants: 0, liveSessions: 0 };
}
