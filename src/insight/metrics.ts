// The counts for Prometheus, in its text format (version 0.0.4), from the store, so that every replica says the same.

import { sql } from 'kysely';
import type { Db } from '../db/client.ts';
import { rightNow } from './summary.ts';

export async function metricsText(db: Db): Promise<string> {
  const [now, requests, revocation, totals] = await Promise.all([
    rightNow(db, null),
    sql<{ task: string; outcome: string; state: string; count: number }>`
      select k.name as task, r.outcome, r.state, count(*)::int as count
      from requests r join tasks k on k.id = r.task_id group by 1, 2, 3 order by 1, 2, 3`.execute(db),
    sql<{ quantile: string; seconds: number | null }>`
      select q::text as quantile, percentile_cont(q) within group (order by extract(epoch from absent_at - ended_at))::float8 as seconds
      from unnest(array[0.5, 0.99]) q, grants
      where absent_at is not null and ended_at > now() - interval '1 day' group by q order by q`.execute(db),
    sql<{ statements: number; rows: number; refused: number; entries: number; unsequenced: number }>`
      select coalesce(sum(statements), 0)::bigint as statements, coalesce(sum(rows_read), 0)::bigint as rows,
        coalesce(sum(refused), 0)::bigint as refused,
        (select size from audit_tree) as entries,
        (select count(*)::int from audit_entries where index is null) as unsequenced
      from sessions`.execute(db),
  ]);
  const total = totals.rows[0];
  return [
    family(
      'sallyport_requests_total',
      'counter',
      'Requests by task, outcome of policy and state.',
      requests.rows.map((row) => [
        `{task="${row.task}",outcome="${row.outcome}",state="${row.state}"}`,
        row.count,
      ]),
    ),
    family('sallyport_grants_active', 'gauge', 'Grants that are active now.', [['', now.activeGrants]]),
    family(
      'sallyport_grants_overdue',
      'gauge',
      'Revocations that the target has not confirmed within 60 s.',
      [['', now.overdueGrants]],
    ),
    family('sallyport_sessions_live', 'gauge', 'Sessions that are open now.', [['', now.liveSessions]]),
    family(
      'sallyport_revocation_seconds',
      'summary',
      'From the end of a grant to its verified absence, last day.',
      revocation.rows
        .filter((row) => row.seconds !== null)
        .map((row) => [`{quantile="${row.quantile}"}`, row.seconds ?? 0]),
    ),
    family('sallyport_statements_total', 'counter', 'Statements in closed sessions.', [
      ['', total?.statements ?? 0],
    ]),
    family('sallyport_statements_refused_total', 'counter', 'Statements that the guard refused.', [
      ['', total?.refused ?? 0],
    ]),
    family('sallyport_rows_read_total', 'counter', 'Rows that closed sessions read.', [
      ['', total?.rows ?? 0],
    ]),
    family('sallyport_audit_entries', 'gauge', 'Entries in the log.', [['', total?.entries ?? 0]]),
    family('sallyport_audit_unsequenced', 'gauge', 'Entries that wait for their place in the log.', [
      ['', total?.unsequenced ?? 0],
    ]),
  ].join('');
}

function family(
  name: string,
  type: string,
  help: string,
  samples: [labels: string, value: number][],
): string {
  const lines = samples.map(([labels, value]) => `${name}${labels} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}
