// The figures for Prometheus, in its text format (version 0.0.4), from the store, so that every replica says the same:
// one replica is scraped, or any of them behind one address. Names and units follow Prometheus' own rules.

import { sql } from 'kysely';
import type { Db } from '../db/client.ts';
import { brokenGlassCounts } from './broken-glass-counts.ts';
import { family, histogram, type Sample } from './prometheus.ts';
import { LATENCY_BUCKETS, OBJECTIVE_SECONDS, OBJECTIVE_SHARE, revocationHistogram } from './revocation.ts';
import { rightNow } from './summary.ts';

/** `storing`: closed recordings go to a store of objects. */
export async function metricsText(db: Db, { storing }: { storing: boolean }): Promise<string> {
  const [now, requests, latency, totals, work, nodes, glass, recordings] = await Promise.all([
    rightNow(db, null),
    requestCounts(db),
    revocationHistogram(db),
    sessionTotals(db),
    workCounts(db),
    nodeStates(db),
    brokenGlassCounts(db),
    recordingCounts(db, storing),
  ]);
  return [
    family('sallyport_requests_total', 'counter', 'Requests by task, outcome of policy and state.', requests),
    family('sallyport_grants_active', 'gauge', 'Grants that are active now.', one(now.activeGrants)),
    family(
      'sallyport_grants_overdue',
      'gauge',
      `Revocations that the target has not confirmed within ${OBJECTIVE_SECONDS} s.`,
      one(now.overdueGrants),
    ),
    family(
      'sallyport_grants_altered',
      'gauge',
      'Active grants whose identity somebody changed by hand.',
      one(work.altered),
    ),
    family('sallyport_grants_ended_total', 'counter', 'Grants that were ended, by reason.', work.ended),
    family('sallyport_break_glass_grants', 'gauge', 'Grants by break-glass that live now.', one(glass.live)),
    family(
      'sallyport_reviews_open',
      'gauge',
      'Reviews of break-glass that nobody has decided.',
      one(glass.open),
    ),
    family(
      'sallyport_reviews_overdue',
      'gauge',
      'Those of them that are past their due time.',
      one(glass.overdue),
    ),
    family(
      'sallyport_kits_stale',
      'gauge',
      'Emergency kits that would not open everywhere now.',
      one(glass.stale),
    ),
    family('sallyport_sessions_live', 'gauge', 'Sessions that are open now.', one(now.liveSessions)),
    histogram(
      'sallyport_revocation_seconds',
      'From the deadline, or from whoever ended a grant, to its verified absence.',
      LATENCY_BUCKETS,
      latency,
    ),
    family(
      'sallyport_revocation_objective_seconds',
      'gauge',
      'What the objective gives a revocation.',
      one(OBJECTIVE_SECONDS),
    ),
    family(
      'sallyport_revocation_objective_ratio',
      'gauge',
      'The part of revocations that the objective wants within its time.',
      one(OBJECTIVE_SHARE),
    ),
    family(
      'sallyport_reconcile_waiting',
      'gauge',
      'Steps that targets have not confirmed, by target and what is wanted.',
      work.waiting,
    ),
    family(
      'sallyport_reconcile_attempts',
      'gauge',
      'Attempts so far at the steps that are waiting, by target.',
      work.attempts,
    ),
    family(
      'sallyport_target_up',
      'gauge',
      '1 when the node answered the last patrol as it should.',
      nodes.up,
    ),
    family(
      'sallyport_target_clock_skew_seconds',
      'gauge',
      'How far the clock of the node is from the one that asked.',
      nodes.skew,
    ),
    family(
      'sallyport_target_last_contact_timestamp_seconds',
      'gauge',
      'When the node answered last.',
      nodes.contact,
    ),
    family(
      'sallyport_recordings_waiting',
      'gauge',
      'Closed recordings that wait for the store of objects, by replica.',
      recordings.waiting,
    ),
    family(
      'sallyport_recordings_removed_total',
      'counter',
      'Recordings that were removed when their time was over.',
      one(recordings.removed),
    ),
    family('sallyport_statements_total', 'counter', 'Statements in closed sessions.', one(totals.statements)),
    family(
      'sallyport_statements_refused_total',
      'counter',
      'Statements that the guard refused.',
      one(totals.refused),
    ),
    family('sallyport_rows_read_total', 'counter', 'Rows that closed sessions read.', one(totals.rows)),
    family('sallyport_audit_entries_total', 'counter', 'Entries in the log.', one(totals.entries)),
    family(
      'sallyport_audit_unsequenced',
      'gauge',
      'Entries that wait for their place in the log.',
      one(totals.unsequenced),
    ),
    family(
      'sallyport_audit_checkpoint_timestamp_seconds',
      'gauge',
      'When the newest checkpoint was signed.',
      totals.checkpoint === null ? [] : one(totals.checkpoint),
    ),
  ].join('');
}

const one = (value: number): Sample[] => [{ labels: {}, value }];

async function requestCounts(db: Db): Promise<Sample[]> {
  const { rows } = await sql<{ task: string; outcome: string; state: string; count: number }>`
    select k.name as task, r.outcome, r.state, count(*)::int as count
    from requests r join tasks k on k.id = r.task_id group by 1, 2, 3 order by 1, 2, 3`.execute(db);
  return rows.map(({ count, ...labels }) => ({ labels, value: count }));
}

async function sessionTotals(db: Db) {
  const { rows } = await sql<{
    statements: number;
    rows: number;
    refused: number;
    entries: number;
    unsequenced: number;
    checkpoint: number | null;
  }>`
    select coalesce(sum(statements), 0)::bigint as statements, coalesce(sum(rows_read), 0)::bigint as rows,
      coalesce(sum(refused), 0)::bigint as refused,
      (select size from audit_tree) as entries,
      (select count(*)::int from audit_entries where index is null) as unsequenced,
      (select extract(epoch from at)::float8 from audit_checkpoints order by size desc limit 1) as checkpoint
    from sessions`.execute(db);
  const none = { statements: 0, rows: 0, refused: 0, entries: 0, unsequenced: 0, checkpoint: null };
  return rows[0] ?? none;
}

async function recordingCounts(db: Db, storing: boolean): Promise<{ waiting: Sample[]; removed: number }> {
  const [waiting, removed] = await Promise.all([
    sql<{ replica: string; count: number }>`
      select gateway as replica, count(*)::int as count from sessions
      where ${storing} and recording_hash is not null and recording_object is null and removed_at is null
      group by 1 order by 1`.execute(db),
    sql<{ count: number }>`select count(*)::int as count from sessions where removed_at is not null`.execute(
      db,
    ),
  ]);
  return {
    waiting: waiting.rows.map(({ replica, count }) => ({ labels: { replica }, value: count })),
    removed: removed.rows[0]?.count ?? 0,
  };
}

async function workCounts(db: Db) {
  const [waiting, ended, altered] = await Promise.all([
    sql<{ target: string; wanted: string; count: number; attempts: number }>`
      select t.name as target, g.wanted, count(*)::int as count, sum(g.attempts)::bigint as attempts
      from grants g join targets t on t.id = g.target_id
      where (g.wanted = 'absent' and g.observed <> 'absent')
        or (g.wanted = 'present' and g.observed = 'unknown' and coalesce(g.starts_at <= now(), true))
      group by 1, 2 order by 1, 2`.execute(db),
    sql<{ reason: string; count: number }>`
      select end_reason as reason, count(*)::int as count from grants where end_reason is not null
      group by 1 order by 1`.execute(db),
    sql<{ count: number }>`
      select count(*)::int as count from grants
      where wanted = 'present' and observed = 'present' and altered is not null`.execute(db),
  ]);
  const attempts = Map.groupBy(waiting.rows, (row) => row.target);
  return {
    waiting: waiting.rows.map(({ target, wanted, count }) => ({ labels: { target, wanted }, value: count })),
    attempts: [...attempts].map(([target, rows]) => ({
      labels: { target },
      value: rows.reduce((sum, row) => sum + row.attempts, 0),
    })),
    ended: ended.rows.map(({ reason, count }) => ({ labels: { reason }, value: count })),
    altered: altered.rows[0]?.count ?? 0,
  };
}

async function nodeStates(db: Db) {
  const { rows } = await sql<{
    target: string;
    node: string;
    role: string;
    up: boolean;
    skew: number | null;
    contact: number | null;
  }>`
    select t.name as target, n.node, n.role, n.failing_since is null as up, n.clock_skew_s as skew,
      extract(epoch from n.last_contact_at)::float8 as contact
    from target_nodes n join targets t on t.id = n.target_id order by 1, 3, 2`.execute(db);
  const samples = (of: (row: (typeof rows)[number]) => number | null): Sample[] =>
    rows.flatMap((row) => {
      const value = of(row);
      const { target, node, role } = row;
      return value === null ? [] : [{ labels: { target, node, role }, value }];
    });
  return {
    up: samples((row) => (row.up ? 1 : 0)),
    skew: samples((row) => row.skew),
    contact: samples((row) => row.contact),
  };
}
