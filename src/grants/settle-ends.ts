// What targets said of revocations, written down: while one statement is on its way the next answers gather, and go
// together. One alone is written at once; thousands that end in the same second share commits instead of queueing for
// the disk one by one. Each row is still fenced by its own version and lease, and has its own entry.

import { sql } from 'kysely';
import { appendForGrants, type Entry } from '../audit/append.ts';
import { codeOf, Failure } from '../base/errors.ts';
import { sleep } from '../base/timer.ts';
import type { Handle, NodeReport, Observed } from '../connectors/contract.ts';
import type { Db } from '../db/client.ts';
import { NOTED_AS_JSON, noteNodes } from './grant-nodes.ts';
import { BREAK_GLASS, type GrantViewRow, LIVE_SESSIONS, NODES_AS_JSON, namesOf } from './grant-view.ts';
import type { GrantRow, StepGrant } from './lease.ts';

/** In one statement. */
const MOST_TOGETHER = 200;
/** After a statement with as many as this the next one waits a little, so that a busy store is asked for more at once. */
const MANY = 6;
const GATHER_MS = 40;

/** What the target said after a revocation. */
export interface SettledEnd {
  row: StepGrant;
  observed: Exclude<Observed, 'present'>;
  handle: Handle;
  report: object;
  /** When an identity that is left inert is looked at again. */
  retryMs: number;
  lastError: string | null;
  entry: Entry | null;
  /** What each node said, where there are several. */
  nodes: NodeReport[] | undefined;
}

interface Waiting {
  end: SettledEnd;
  resolve(settled: GrantViewRow | null): void;
  reject(error: unknown): void;
}

interface Gathering {
  waiting: Waiting[];
  writing: boolean;
}

const gatherings = new WeakMap<Db, Gathering>();

/**
 * Writes it with its entry and frees the lease, if the row is still as it was taken. Gives the grant as it is then, or
 * null: somebody changed it meanwhile, and nothing was written. Errors: the store's.
 */
export function settleEnd(db: Db, end: SettledEnd): Promise<GrantViewRow | null> {
  const gathering = gatherings.get(db) ?? { waiting: [], writing: false };
  gatherings.set(db, gathering);
  return new Promise((resolve, reject) => {
    gathering.waiting.push({ end, resolve, reject });
    if (!gathering.writing) void writeAll(db, gathering);
  });
}

async function writeAll(db: Db, gathering: Gathering): Promise<void> {
  gathering.writing = true;
  while (gathering.waiting.length > 0) {
    const together = gathering.waiting.splice(0, MOST_TOGETHER);
    const pause = together.length < MANY ? undefined : sleep(GATHER_MS);
    await writeTogether(db, together);
    await pause;
  }
  gathering.writing = false;
}

/** All of them hear what came of it. */
async function writeTogether(db: Db, together: Waiting[]): Promise<void> {
  try {
    const settled = await write(
      db,
      together.map(({ end }) => end),
    );
    for (const { end, resolve } of together) resolve(settled.get(end.row.id) ?? null);
  } catch (error) {
    if (together.length > 1 && isOfOne(error)) for (const one of together) await writeTogether(db, [one]);
    else for (const { reject } of together) reject(error);
  }
}

/** What one of them says cannot be written (SQLSTATE class 22: data); nothing is wrong with the store or the others. */
function isOfOne(error: unknown): boolean {
  return error instanceof Failure || error instanceof TypeError || codeOf(error)?.startsWith('22') === true;
}

async function write(db: Db, ends: SettledEnd[]): Promise<Map<string, GrantViewRow>> {
  const entries = ends.flatMap(({ entry }) => entry ?? []);
  const logged = entries.length === 0 ? sql`` : sql`, logged as (${appendForGrants('settled', entries)})`;
  const said = ends.flatMap(({ row, nodes }) => (nodes === undefined ? [] : { grantId: row.id, nodes }));
  const noted = said.length === 0 ? sql`` : sql`, ${noteNodes('settled', said)}`;
  const onNodes = said.length === 0 ? sql`null::json` : NOTED_AS_JSON(NODES_AS_JSON);
  const { rows } = await sql<GrantRow & Pick<GrantViewRow, 'live_sessions' | 'nodes' | 'break_glass'>>`
    with seen as materialized (
      select * from unnest(
        ${ends.map(({ row }) => row.id)}::text[], ${ends.map(({ row }) => row.version)}::int[],
        ${ends.map(({ row }) => row.lease_until)}::timestamptz[], ${ends.map(({ observed }) => observed)}::text[],
        ${ends.map(({ handle }) => JSON.stringify(handle))}::text[],
        ${ends.map(({ report }) => JSON.stringify(report))}::text[], ${ends.map(({ retryMs }) => retryMs)}::int[],
        ${ends.map(({ lastError }) => lastError)}::text[]
      ) as v (id, version, lease_until, observed, handle, report, retry_ms, last_error)),
    settled as (
      update grants g set observed = seen.observed, handle = seen.handle::jsonb,
        inert_at = coalesce(g.inert_at, clock_timestamp()),
        absent_at = case when seen.observed = 'absent' then clock_timestamp() end, report = seen.report::jsonb,
        next_attempt_at = now() + make_interval(secs => seen.retry_ms / 1000.0), last_error = seen.last_error,
        lease_until = null, version = g.version + 1
      from seen
      where g.id = seen.id and g.version = seen.version and g.lease_until is not distinct from seen.lease_until
      returning g.*) ${logged} ${noted}
    select g.*, ${LIVE_SESSIONS} as live_sessions, ${BREAK_GLASS} as break_glass, ${onNodes} as nodes from settled g`.execute(
    db,
  );
  const names = new Map(ends.map(({ row }) => [row.id, namesOf(row)]));
  return new Map(
    rows.flatMap((row) => {
      const own = names.get(row.id);
      // What is settled is overdue no longer.
      return own === undefined ? [] : [[row.id, { ...own, ...row, overdue: false, planned: false }]];
    }),
  );
}
