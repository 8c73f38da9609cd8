// Who works on a grant now. A lease keeps two workers apart; the version keeps a worker that woke after its lease
// from writing what it no longer knows (every write names the version that it read).

import { type RawBuilder, type Selectable, type SqlBool, sql } from 'kysely';
import { appendFor, type Entry } from '../audit/append.ts';
import type { NodeReport, Observation } from '../connectors/contract.ts';
import type { Db } from '../db/client.ts';
import type { Tables } from '../db/tables.ts';
import { NOTED_AS_JSON, noteNodes } from './grant-nodes.ts';
import {
  BREAK_GLASS,
  type GrantNames,
  type GrantViewRow,
  LIVE_SESSIONS,
  NAME_COLUMNS,
  NODES_AS_JSON,
  namesOf,
} from './grant-view.ts';

export type GrantRow = Selectable<Tables['grants']>;

/** Longer than the longest single step on a target, so that a living worker never loses its lease. */
export const LEASE_SECONDS = 45;

/** Whether who writes that a step is due takes it at once: `by` is its run, which then has the lease. */
export interface Hand {
  by: string | null;
  attempts: number;
}

export const NOBODY_HAS_IT: Hand = { by: null, attempts: 0 };
export const takenUpBy = (run: string): Hand => ({ by: run, attempts: 1 });

/** For a column: the end of a lease that begins now. Milliseconds, so that it is the same when it comes back. */
export const LEASE_END = sql<Date>`date_trunc('milliseconds', clock_timestamp()) + make_interval(secs => ${sql.lit(LEASE_SECONDS)})`;
/** Of which something is to be done on the target; the partial index `grants_due`. */
const UNSETTLED = sql<SqlBool>`((wanted = 'present' and observed = 'unknown') or (wanted = 'absent' and observed <> 'absent'))`;
export const UNLEASED = sql<SqlBool>`(g.lease_until is null or g.lease_until < clock_timestamp())`;

/** The row, and what a step on its target and a view of it need to know besides. */
export interface StepGrant extends GrantRow, GrantNames {
  /** By the store's clock, since it was intended, or was to start. */
  ageSeconds: number;
  targetVersion: number;
  entitlement: unknown;
}

/** Columns and tables that make a StepGrant of `grants as g`; the joins are by the keys of g. */
export const STEP_COLUMNS = sql`g.*, ${NAME_COLUMNS},
  extract(epoch from clock_timestamp() - greatest(g.created_at, g.starts_at))::float8 as "ageSeconds", t.version as "targetVersion", k.entitlement`;
export const STEP_TABLES = sql`targets t, tasks k, principals p`;
export const STEP_JOINS = sql`t.id = g.target_id and k.id = g.task_id and p.id = g.principal_id`;

/**
 * The row, leased to the caller, or undefined when another holds it or it is not due. The lease itself need not
 * survive a crash of the store (it is then simply free), so its commit does not wait for the disk.
 */
export async function claim(db: Db, grantId: string, run: string): Promise<StepGrant | undefined> {
  const [row] = await claimAll(db, [grantId], run);
  return row;
}

/** As `claim`, for many in one statement; those that another holds, or is taking now, are left out. */
export async function claimAll(db: Db, grantIds: readonly string[], run: string): Promise<StepGrant[]> {
  const { rows } = await sql<StepGrant>`
    with relaxed as materialized (select set_config('synchronous_commit', 'off', true)),
    free as materialized (
      select id from grants
      where id = any(${grantIds}::text[]) and (lease_until is null or lease_until < clock_timestamp())
        and ((wanted = 'present' and observed = 'unknown' and coalesce(starts_at <= clock_timestamp(), true))
          or (wanted = 'absent' and observed <> 'absent'))
      for update skip locked)
    update grants g set
      lease_until = ${LEASE_END}, lease_by = ${run},
      attempts = g.attempts + 1, version = g.version + 1
    from relaxed, free, ${STEP_TABLES}
    where g.id = free.id and ${STEP_JOINS}
    returning ${STEP_COLUMNS}`.execute(db);
  return rows;
}

/**
 * Writes `change` (assignments of columns) with its entry and frees the lease, if the row is still as it was taken; one
 * statement, which is a transaction by itself. Gives the grant as it is then, or null: somebody changed it meanwhile,
 * and nothing was written. The lease is compared too: after a crash of the store the same version may have been given
 * out again.
 */
export async function settle(
  db: Db,
  row: StepGrant,
  change: RawBuilder<unknown>,
  entry: Entry | null,
  nodes: NodeReport[] | undefined,
): Promise<GrantViewRow | null> {
  const logged = entry === null ? sql`` : sql`, logged as (${appendFor('settled', [entry])})`;
  const noted = nodes === undefined ? sql`` : sql`, ${noteNodes('settled', [{ grantId: row.id, nodes }])}`;
  const seen = nodes === undefined ? sql`null::json` : NOTED_AS_JSON(NODES_AS_JSON);
  const { rows } = await sql<GrantRow & Pick<GrantViewRow, 'live_sessions' | 'nodes' | 'break_glass'>>`
    with settled as (
      update grants set ${change}, lease_until = null, version = version + 1
      where id = ${row.id} and ${sameStep(row)} returning *) ${logged} ${noted}
    select g.*, ${LIVE_SESSIONS} as live_sessions, ${BREAK_GLASS} as break_glass, ${seen} as nodes from settled g`.execute(
    db,
  );
  const [settled] = rows;
  // What is settled is overdue no longer.
  return settled === undefined ? null : { ...namesOf(row), ...settled, overdue: false, planned: false };
}

/**
 * Keeps what a step that is not over has learnt: the handle, and what each node said. Fenced as `settle` is; somebody
 * else's newer word stays.
 */
export async function keepSeen(db: Db, row: StepGrant, seen: Observation): Promise<void> {
  const noted =
    seen.nodes === undefined ? sql`` : sql`, ${noteNodes('kept', [{ grantId: row.id, nodes: seen.nodes }])}`;
  await sql`
    with kept as (
      update grants set handle = ${JSON.stringify(seen.handle)} where id = ${row.id} and ${sameStep(row)} returning *)
      ${noted}
    select 1`.execute(db);
}

/** Nobody has taken the step, or changed what is wanted, since `row` was read. */
export function sameStep(row: GrantRow): RawBuilder<SqlBool> {
  return sql<SqlBool>`(version = ${row.version} and lease_until is not distinct from ${row.lease_until}::timestamptz)`;
}

/**
 * Frees the lease that `row` was claimed with, and no other's; the next worker reads the row anew. Whatever was written
 * to the row meanwhile: a grant that was ended during the step is not to wait for the lease to run out.
 */
export async function release(db: Db, row: GrantRow): Promise<void> {
  if (row.lease_until === null) return;
  await db
    .updateTable('grants')
    .set({ lease_until: null })
    .where('id', '=', row.id)
    .where('lease_until', '=', row.lease_until)
    .execute();
}

/**
 * Frees what runs that are over had leased, so that nobody waits for those leases to run out. A run that only seemed to
 * be over is fenced: the version counts up. How many.
 */
export async function freeLeasesOf(db: Db, runs: string[]): Promise<number> {
  if (runs.length === 0) return 0;
  const { numUpdatedRows } = await db
    .updateTable('grants')
    .set({ lease_until: null, version: sql`version + 1` })
    .where('lease_by', 'in', runs)
    .where('lease_until', 'is not', null)
    .where(UNSETTLED)
    .executeTakeFirstOrThrow();
  return Number(numUpdatedRows);
}
