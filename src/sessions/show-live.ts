// The side of a watched session that holds it: finds who is watched, and every half second writes what is new about
// them into the store, from where any replica shows it. Nobody waits for it: while one write is under way the next is
// left out, and what a watcher misses stands in the recording.

import { sql } from 'kysely';
import type { Pace } from '../api/sessions.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { monotonicMs } from '../base/timer.ts';
import type { Db } from '../db/client.ts';
import type { Live } from './live-session.ts';
import { type ShownSession, shownFrom, totalsOf } from './shown-session.ts';

const MEASURE_MS = 1_000;
const SHOW_MS = 500;
const CLEAN_MS = 10_000;
const PACES_KEPT_MS = 60_000;
/** Written at a time; the others have their turn half a second later. */
const MOST_AT_ONCE = 20;

export interface Showing {
  /** Returns the function that stops it. */
  start(open: () => Live[]): () => void;
  /** It has ended: whoever watches sees its last statements too. */
  over(live: Live): void;
}

/** What is known of an open session, watched or not. */
interface Measured {
  live: Live;
  /** By this process's wall clock. */
  startedAtMs: number;
  totals: ShownSession['totals'];
  paces: Pace[];
  version: number;
  /** What was written last, so that nothing is written twice. */
  shown: string;
  shownAt: number;
}

export function createShowing(ctx: { db: Db; log: Logger }): Showing {
  const measured = new Map<string, Measured>();
  let watched = new Set<string>();
  let busy = false;

  /** One thing at a time: a store that is slow is not asked again before it has answered. */
  async function alone(act: () => Promise<void>): Promise<void> {
    if (busy) return;
    busy = true;
    try {
      await act();
    } catch (error) {
      ctx.log.debug({ reason: messageOf(error) }, 'watched sessions could not be shown');
    } finally {
      busy = false;
    }
  }

  async function show(): Promise<void> {
    watched = await watchedOf(ctx.db, [...measured.keys()]);
    const due = [...measured.values()]
      .filter((one) => watched.has(one.live.ticket.sessionId))
      .map((one) => ({ one, body: bodyOf(one) }))
      .filter(({ one, body }) => body !== one.shown)
      .sort((a, b) => a.one.shownAt - b.one.shownAt)
      .slice(0, MOST_AT_ONCE);
    if (due.length === 0) return;
    await write(ctx.db, due);
    for (const { one, body } of due) {
      one.version++;
      one.shown = body;
      one.shownAt = monotonicMs();
    }
  }

  return {
    start(open) {
      const timers = [
        setInterval(() => {
          for (const live of open()) measure(measured, live);
        }, MEASURE_MS),
        setInterval(() => {
          for (const live of open()) if (!measured.has(live.ticket.sessionId)) measure(measured, live);
          if (measured.size > 0) void alone(show);
        }, SHOW_MS),
        setInterval(() => void alone(() => clean(ctx.db)), CLEAN_MS),
      ];
      for (const timer of timers) timer.unref();
      return () => {
        for (const timer of timers) clearInterval(timer);
      };
    },

    over(live) {
      const one = measured.get(live.ticket.sessionId);
      measured.delete(live.ticket.sessionId);
      if (one === undefined || !watched.has(live.ticket.sessionId)) return;
      // After whatever is being written of it.
      one.version++;
      write(ctx.db, [{ one, body: bodyOf(one) }]).catch((error: unknown) => {
        ctx.log.debug({ reason: messageOf(error) }, 'the end of a watched session could not be shown');
      });
    },
  };
}

function measure(measured: Map<string, Measured>, live: Live): void {
  const totals = totalsOf(live);
  const one = measured.get(live.ticket.sessionId);
  if (one === undefined) {
    const startedAtMs = Date.now() - (monotonicMs() - live.startedAt);
    const fresh = { live, startedAtMs, totals, paces: [], version: 0, shown: '', shownAt: 0 };
    measured.set(live.ticket.sessionId, fresh);
    return;
  }
  const pace = {
    at: new Date().toISOString(),
    statements: totals.statements - one.totals.statements,
    refused: totals.refused - one.totals.refused,
    rows: totals.rowsRead - one.totals.rowsRead,
    bytes: totals.bytesRead - one.totals.bytesRead,
    written: totals.bytesWritten - one.totals.bytesWritten,
  };
  one.totals = totals;
  const oldest = new Date(Date.now() - PACES_KEPT_MS).toISOString();
  while (one.paces[0] !== undefined && one.paces[0].at < oldest) one.paces.shift();
  if (pace.statements > 0 || pace.rows > 0 || pace.bytes > 0 || pace.written > 0) one.paces.push(pace);
}

function bodyOf(one: Measured): string {
  return JSON.stringify(shownFrom(one.live, one.paces, one.startedAtMs));
}

async function watchedOf(db: Db, sessionIds: string[]): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select distinct session_id as id from session_watches
    where session_id = any(${sessionIds}::text[]) and until > now()`.execute(db);
  return new Set(rows.map((row) => row.id));
}

/** The newer version wins, since the last one of a session may overtake the one before. */
async function write(db: Db, due: { one: Measured; body: string }[]): Promise<void> {
  await sql`
    insert into session_views (session_id, version, body)
    select * from unnest(
      ${due.map(({ one }) => one.live.ticket.sessionId)}::text[],
      ${due.map(({ one }) => one.version + 1)}::bigint[], ${due.map(({ body }) => body)}::text[])
    on conflict (session_id) do update
    set version = excluded.version, said_at = now(), body = excluded.body
    where session_views.version < excluded.version`.execute(db);
}

/** Of sessions that nobody watches any more. */
async function clean(db: Db): Promise<void> {
  await sql`delete from session_watches where until < now() - interval '10 minutes'`.execute(db);
  await sql`
    delete from session_views v
    where not exists (select from session_watches w where w.session_id = v.session_id)`.execute(db);
}
