// How fast access ends, held against an objective. From the deadline where there was one, otherwise from whoever ended
// it, to the absence that every node confirmed; a revocation that is later than the objective and not over counts as
// a miss at once. Grants that were never made have nothing to end and do not count.

import { sql } from 'kysely';
import type { RevocationHealth } from '../api/health.ts';
import type { Db } from '../db/client.ts';

export const OBJECTIVE_SECONDS = 60;
export const OBJECTIVE_SHARE = 0.99;
const OBJECTIVE_DAYS = 30;

/** Upper bounds in seconds; the objective is one of them, so that an alert can be written on the histogram. */
export const LATENCY_BUCKETS = [
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
  OBJECTIVE_SECONDS,
  300,
  900,
  3_600,
] as const;

/** When access should have been over: whoever noticed the deadline late does not make it later. */
const ENDED = sql`least(ended_at, case when end_reason = 'expired' then expires_at end)`;
const LATENCY = sql`extract(epoch from absent_at - ${ENDED})::float8`;
const HAD_ACCESS = sql`activated_at is not null and ended_at is not null`;

export async function revocationHealth(db: Db): Promise<RevocationHealth> {
  const { rows } = await sql<{
    ended: number;
    within: number;
    median: number | null;
    p99: number | null;
  }>`
    with ended as (
      select ${LATENCY} as seconds, extract(epoch from now() - ${ENDED})::float8 as age
      from grants where ${HAD_ACCESS} and ended_at > now() - make_interval(days => ${OBJECTIVE_DAYS}))
    select count(*) filter (where seconds is not null or age > ${OBJECTIVE_SECONDS})::int as ended,
      count(*) filter (where seconds <= ${OBJECTIVE_SECONDS})::int as within,
      percentile_cont(0.5) within group (order by seconds)::float8 as median,
      percentile_cont(0.99) within group (order by seconds)::float8 as p99
    from ended`.execute(db);
  const found = rows[0] ?? { ended: 0, within: 0, median: null, p99: null };
  return {
    objectiveSeconds: OBJECTIVE_SECONDS,
    objectiveShare: OBJECTIVE_SHARE,
    days: OBJECTIVE_DAYS,
    ended: found.ended,
    within: found.within,
    ...budget(found.ended, found.within),
    medianSeconds: found.median,
    p99Seconds: found.p99,
  };
}

/** `budgetLeft`: of the misses that the objective allows of `ended`, the part that is left. */
export function budget(ended: number, within: number): Pick<RevocationHealth, 'share' | 'budgetLeft'> {
  if (ended === 0) return { share: null, budgetLeft: null };
  const allowed = ended * (1 - OBJECTIVE_SHARE);
  return { share: within / ended, budgetLeft: 1 - (ended - within) / allowed };
}

export interface LatencyHistogram {
  /** How many were at most as long as each of LATENCY_BUCKETS. */
  counts: number[];
  count: number;
  sumSeconds: number;
}

/** Of everything that the store knows; it only grows, as a counter does. */
export async function revocationHistogram(db: Db): Promise<LatencyHistogram> {
  const { rows } = await sql<{ counts: number[]; count: number; sum: number | null }>`
    with ended as (
      select greatest(${LATENCY}, 0) as seconds from grants where ${HAD_ACCESS} and absent_at is not null)
    select array(select count(*) filter (where seconds <= le)::int from ended, unnest(${[...LATENCY_BUCKETS]}::float8[]) le
        group by le order by le) as counts,
      count(*)::int as count, sum(seconds)::float8 as sum
    from ended`.execute(db);
  const found = rows[0];
  return {
    counts: LATENCY_BUCKETS.map((_, place) => found?.counts[place] ?? 0),
    count: found?.count ?? 0,
    sumSeconds: found?.sum ?? 0,
  };
}
