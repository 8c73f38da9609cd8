// What the replica that holds a session writes into the store for those who watch it, wherever they are. Bounded by its
// shape: a hundred statements with short texts, a minute of seconds, a few notices.

import type { z } from 'zod';
import { type Pace, type SessionLive, type Statement, sessionLive } from '../api/sessions.ts';
import type { Live } from './live-session.ts';
import { MOST_RECENT, shortened } from './recent.ts';
import type { Begun, Recorded } from './recorder.ts';

export const shownSession = sessionLive.pick({ statements: true, paces: true, told: true }).extend({
  totals: sessionLive.shape.session.pick({
    statements: true,
    refused: true,
    errors: true,
    rowsRead: true,
    bytesRead: true,
    bytesWritten: true,
    commands: true,
    files: true,
    connections: true,
  }),
});
export type ShownSession = z.infer<typeof shownSession>;

/** `startedAtMs`: of the session, by this process's wall clock. */
export function shownFrom(live: Live, paces: Pace[], startedAtMs: number): ShownSession {
  const { ended, running } = live.recorder.recent.list();
  const statements: SessionLive['statements'] = [
    ...ended.map((one) => shownEnded(one, startedAtMs)),
    ...running.map((one) => shownBegun(one, startedAtMs)),
  ];
  return {
    statements: statements.slice(-MOST_RECENT),
    paces,
    told: live.told.map(({ atMs, text }) => ({ at: new Date(atMs).toISOString(), text })),
    totals: totalsOf(live),
  };
}

/** The totals grow with each statement that ends; a budget knows of one that runs. */
export function totalsOf(live: Live): ShownSession['totals'] {
  const { totals } = live.recorder;
  return {
    ...totals,
    rowsRead: Math.max(totals.rowsRead, live.budget?.read.rows ?? 0),
    bytesRead: Math.max(totals.bytesRead, live.budget?.read.bytes ?? 0),
  };
}

function shownBegun(one: Begun, startedAtMs: number): Statement {
  return {
    index: one.index,
    at: new Date(startedAtMs + one.offsetMs).toISOString(),
    offsetMs: one.offsetMs,
    text: one.text.toWellFormed(),
    protocol: one.protocol,
    verdict: 'passed',
    rows: 0,
    bytes: 0,
    durationMs: null,
    error: null,
    exit: null,
    sha256: null,
  };
}

function shownEnded(one: Recorded, startedAtMs: number): Statement {
  return {
    ...shownBegun(one, startedAtMs),
    verdict: one.refused ? 'refused' : 'passed',
    rows: one.rows,
    bytes: one.bytes,
    exit: one.end?.exit ?? null,
    sha256: one.end?.sha256 ?? null,
    // Ended, if without an answer: only what runs has none.
    durationMs: one.durationMs ?? 0,
    error:
      one.error === null
        ? null
        : { sqlstate: one.error.sqlstate, message: shortened(one.error.message).toWellFormed() },
  };
}
