// What open sessions did, by verb and object, written every ten seconds, so that a long session is in the counts before
// it ends. What is written is how much it is by now, never how much more: written twice, late, or after a crash, nothing
// is counted twice; and once a session has ended only its end writes.

import { sql } from 'kysely';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { monotonicMs } from '../base/timer.ts';
import type { Db, Trx } from '../db/client.ts';
import type { Live } from './live-session.ts';
import type { UseCount } from './recording-format.ts';

export const MEASURE_MS = 10_000;
/** In one go; the others have their turn ten seconds later. */
const MOST_ROWS_AT_ONCE = 3_000;

export interface Measure {
  sessionId: string;
  use: UseCount;
}

export interface Measuring {
  /** Never rejects; while one round is under way the next is left out. */
  write(open: readonly Live[]): Promise<void>;
  over(live: Live): void;
}

/** What is known of a session's measures in the store. */
interface Written {
  /** Statements that had ended. */
  statements: number;
  /** By verb and object: how often, errors included. */
  uses: Map<string, number>;
  /** When; monotonic ms. */
  atMs: number;
}

export function createMeasuring(ctx: { db: Db; log: Logger }): Measuring {
  const written = new Map<Live, Written>();
  let busy = false;

  return {
    async write(open) {
      if (busy) return;
      busy = true;
      try {
        const due = changedOf(open, written);
        if (due.measures.length === 0) return;
        await ctx.db.transaction().execute((trx) => writeMeasures(trx, due.measures, 'open'));
        // A session may have ended meanwhile.
        for (const [live, state] of due.states) if (!live.over) written.set(live, state);
      } catch (error) {
        ctx.log.warn({ reason: messageOf(error) }, 'measures of open sessions are not written yet');
      } finally {
        busy = false;
      }
    },
    over: (live) => void written.delete(live),
  };
}

/** What differs from what was written, of those first that have waited longest. */
function changedOf(
  open: readonly Live[],
  written: ReadonlyMap<Live, Written>,
): { measures: Measure[]; states: Map<Live, Written> } {
  const measures: Measure[] = [];
  const states = new Map<Live, Written>();
  const atMs = monotonicMs();
  const lastAt = (live: Live) => written.get(live)?.atMs ?? Number.NEGATIVE_INFINITY;
  const inTurn = [...open].sort((a, b) => Math.sign(lastAt(a) - lastAt(b)) || 0);
  for (const live of inTurn) {
    const before = written.get(live);
    const { statements } = live.recorder.totals;
    if (statements === (before?.statements ?? 0)) continue;
    const all = live.recorder.uses();
    const changed = all.filter((use) => howOften(use) !== before?.uses.get(keyOf(use)));
    if (measures.length > 0 && measures.length + changed.length > MOST_ROWS_AT_ONCE) continue;
    for (const use of changed) measures.push({ sessionId: live.ticket.sessionId, use });
    states.set(live, { atMs, statements, uses: new Map(all.map((use) => [keyOf(use), howOften(use)])) });
  }
  return { measures, states };
}

const keyOf = ({ verb, object }: UseCount) => `${verb} ${object}`;
const howOften = ({ statements, errors = 0 }: UseCount) => statements + errors;

/**
 * As far as each is more than what stands there. `open`: only of sessions that have not ended, whose end waits for this;
 * `ended`: by whoever writes the end. Errors: the store's.
 */
export async function writeMeasures(
  trx: Trx,
  measures: readonly Measure[],
  of: 'open' | 'ended',
): Promise<void> {
  // One statement cannot write a row twice.
  const once = [...new Map(measures.map((one) => [`${one.sessionId} ${keyOf(one.use)}`, one])).values()];
  if (once.length === 0) return;
  const column = <T>(pick: (use: UseCount) => T): T[] => once.map(({ use }) => pick(use));
  const ids = once.map((one) => one.sessionId);
  await sql`
    with meant as (
      select id from sessions
      where id = any(${[...new Set(ids)]}::text[]) and (${of === 'ended'} or ended_at is null)
      order by id for share)
    insert into session_use (session_id, verb, object, statements, rows, bytes, errors, duration_ms)
    select v.* from unnest(
      ${ids}::text[], ${column((use) => use.verb)}::text[], ${column((use) => use.object)}::text[],
      ${column((use) => use.statements)}::int[], ${column((use) => use.rows)}::bigint[],
      ${column((use) => use.bytes ?? 0)}::bigint[], ${column((use) => use.errors ?? 0)}::int[],
      ${column((use) => use.durationMs ?? 0)}::float8[]
    ) as v(session_id, verb, object, statements, rows, bytes, errors, duration_ms)
    where v.session_id in (select id from meant)
    on conflict (session_id, verb, object) do update set
      statements = greatest(session_use.statements, excluded.statements),
      rows = greatest(session_use.rows, excluded.rows),
      bytes = greatest(session_use.bytes, excluded.bytes),
      errors = greatest(session_use.errors, excluded.errors),
      duration_ms = greatest(session_use.duration_ms, excluded.duration_ms)`.execute(trx);
}
