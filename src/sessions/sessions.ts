// All sessions of one gateway: let in by grants, recorded from the first byte, ended by their deadline, by an event,
// or by the poll that finds what an event did not bring.

import { join } from 'node:path';
import { sql } from 'kysely';
import { Failure, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { monotonicMs } from '../base/timer.ts';
import type { Db } from '../db/client.ts';
import type { OpenInput, SessionAdmission, SessionTicket } from '../grants/session-ticket.ts';
import { createBudgets } from './budgets.ts';
import { createCloser } from './close.ts';
import { Live, type LiveSession } from './live-session.ts';
import { createMeasuring, MEASURE_MS } from './measure.ts';
import { createRecorder, type Recorder } from './recorder.ts';
import { recordingPath } from './recording-path.ts';
import { closeAbandoned, recoverSessions } from './recover.ts';
import { createShowing } from './show-live.ts';

export interface SessionEvents {
  /** A grant's sessions must go now. Returns the function that unsubscribes. */
  onGrantEnding(handler: (grantId: string, reason: string) => void): () => void;
  onSessionEnd(handler: (sessionId: string, reason: string) => void): () => void;
}

export interface SessionsContext {
  db: Db;
  log: Logger;
  dataFolder: string;
  /** Which rows are ours: the replica's name. */
  gatewayName: string;
  admission: SessionAdmission;
  events: SessionEvents;
}

export interface Sessions {
  /** Closes what an earlier run left open, and begins to watch. Errors: the store's. */
  start(): Promise<void>;
  /** Call it when the gateway has stopped: writes what is left. */
  stop(): Promise<void>;
  /** Row, audit entry, recording; all or none. Errors: Failure of admission, `recording-unavailable`. */
  open(input: Omit<OpenInput, 'gateway'>): Promise<LiveSession>;
  live(): LiveSession[];
  /** Closes the rows of replicas that are over: what they recorded is on their disks. Errors: the store's. */
  closeOf(gateways: string[]): Promise<void>;
  /** A notice to all. */
  tellAll(said: string): void;
  /** Cuts them all. */
  cutAll(said: string, reason: string): void;
}

const POLL_MS = 1_000;
/** A poll that is not answered by then is given up, so that the next one asks on another connection. */
const POLL_LIMIT_MS = 5_000;
const FLUSH_MS = 250;
const SHOW_MS = 2_000;

export function createSessions(ctx: SessionsContext): Sessions {
  const open = new Map<string, Live>();
  const closer = createCloser(ctx);
  const budgets = createBudgets(ctx);
  const showing = createShowing(ctx);
  const measuring = createMeasuring(ctx);
  const stops: (() => void)[] = [];
  let asking = false;
  /** Monotonic ms before the last poll that the store answered. */
  let answeredAt = Number.NEGATIVE_INFINITY;

  async function whenOver(live: Live, reason: string, durationMs: number): Promise<void> {
    const { sessionId } = live.ticket;
    const closed = await live.recorder.close(reason, durationMs);
    open.delete(sessionId);
    showing.over(live);
    measuring.over(live);
    const closing = closed?.closing ?? {
      endedAtMs: Date.now(),
      durationMs: Math.round(durationMs),
      endReason: reason,
      totals: live.recorder.totals,
      uses: live.recorder.uses(),
      chunks: 0,
      end: 0,
      lost: null,
    };
    await closer.add({
      sessionId,
      closing,
      recording: recordingPath(sessionId),
      recordingHash: closed?.hash ?? null,
    });
    budgets.leave(live.ticket);
  }

  function endOne(sessionId: string, reason: string): void {
    open.get(sessionId)?.cut(`This session was ended: ${reason}`, `ended: ${reason}`);
  }

  async function poll(): Promise<void> {
    if (asking || open.size === 0) return;
    asking = true;
    const askedAt = monotonicMs();
    try {
      const grantIds = [...new Set([...open.values()].map((live) => live.ticket.grantId))];
      const [verdicts, endings] = await inTime(
        Promise.all([ctx.admission.liveVerdicts(grantIds), endingSessions(ctx, [...open.keys()])]),
      );
      answeredAt = askedAt;
      const times = { askedAt, answeredAt: monotonicMs() };
      for (const live of open.values()) live.judge(verdicts.get(live.ticket.grantId), times);
      for (const { id, ending } of endings) endOne(id, ending);
    } catch (error) {
      // The deadlines hold without the store.
      ctx.log.warn({ reason: messageOf(error) }, 'open sessions could not be checked; their deadlines hold');
    } finally {
      asking = false;
    }
  }

  return {
    async start() {
      const interrupted = await recoverSessions(ctx);
      if (interrupted > 0)
        ctx.log.warn({ sessions: interrupted }, 'sessions of an earlier run were closed as interrupted');
      stops.push(
        ctx.events.onGrantEnding((grantId, reason) => {
          for (const live of open.values())
            if (live.ticket.grantId === grantId) live.cut(saidFor(reason), reason);
        }),
        ctx.events.onSessionEnd(endOne),
        every(POLL_MS, () => {
          for (const live of open.values()) live.withoutStore(answeredAt);
          void poll();
          void budgets.refresh();
        }),
        every(FLUSH_MS, () => {
          for (const live of open.values()) live.tick();
        }),
        every(SHOW_MS, () => void showLive(ctx, [...open.values()])),
        every(MEASURE_MS, () => void measuring.write([...open.values()])),
        showing.start(() => [...open.values()]),
      );
    },

    async stop() {
      for (const stop of stops.splice(0)) stop();
      await Promise.all([...open.values()].map((live) => live.end('the gateway stopped')));
      await closer.stop();
    },

    async open(input) {
      const askedAt = monotonicMs();
      const ticket = await ctx.admission.open({ ...input, gateway: ctx.gatewayName });
      const times = { askedAt, answeredAt: monotonicMs() };
      const live = await begin(ctx, ticket, input, times, (failed) => open.get(failed), whenOver);
      if (live instanceof Failure) {
        await closer.add(unrecorded(ticket.sessionId));
        throw live;
      }
      open.set(ticket.sessionId, live);
      try {
        live.budget = await budgets.join(ticket, (said) => setImmediate(() => live.tell(said)));
      } catch (error) {
        await live.end('its budget could not be read');
        throw error;
      }
      return live;
    },

    live: () => [...open.values()],
    async closeOf(gateways) {
      const closed = await closeAbandoned(ctx, gateways);
      if (closed > 0) ctx.log.warn({ sessions: closed, gateways }, 'sessions of a lost replica were closed');
    },
    tellAll(said) {
      for (const live of open.values()) live.tell(said);
    },
    cutAll(said, reason) {
      for (const live of open.values()) live.cut(said, reason);
    },
  };
}

async function inTime<T>(asked: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('The store does not answer.')), POLL_LIMIT_MS);
    timer.unref();
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Those that somebody wants to end, with the reason, and those that another replica has taken for lost. */
async function endingSessions(
  ctx: Pick<SessionsContext, 'db'>,
  open: string[],
): Promise<{ id: string; ending: string }[]> {
  const { rows } = await sql<{ id: string; ending: string }>`
    select id, coalesce(ending, 'its replica was taken for lost') as ending from sessions
    where id = any(${open}::text[]) and (ending is not null or ended_at is not null)`.execute(ctx.db);
  return rows;
}

/** A reason of grants, for the person whose session it ends. */
function saidFor(reason: string): string {
  if (reason !== 'expired') return `Your access was ended: ${reason}`;
  return `Your access ended at ${new Date().toISOString().slice(11, 16)} UTC.`;
}

async function begin(
  ctx: SessionsContext,
  ticket: SessionTicket,
  input: Omit<OpenInput, 'gateway'>,
  times: { askedAt: number; answeredAt: number },
  find: (sessionId: string) => Live | undefined,
  whenOver: (live: Live, reason: string, durationMs: number) => Promise<void>,
): Promise<Live | Failure> {
  const startedAt = monotonicMs();
  const header = {
    version: 1 as const,
    sessionId: ticket.sessionId,
    grantId: ticket.grantId,
    principal: ticket.principal,
    target: ticket.target,
    task: ticket.task,
    database: ticket.database,
    clientAddress: input.clientAddress,
    application: input.application,
    gateway: ctx.gatewayName,
    startedAtMs: Date.now(),
  };
  let recorder: Recorder;
  try {
    recorder = await createRecorder(join(ctx.dataFolder, recordingPath(ticket.sessionId)), header, {
      onPressure: (waiting) => find(ticket.sessionId)?.pause(waiting),
      onFailure: (error) => {
        ctx.log.error(
          { session: ticket.sessionId, reason: messageOf(error) },
          'a recording cannot be written',
        );
        find(ticket.sessionId)?.cut(
          'This session ended because it can no longer be recorded.',
          'the recording failed',
        );
      },
    });
  } catch (cause) {
    ctx.log.error({ session: ticket.sessionId, reason: messageOf(cause) }, 'a recording cannot be made');
    return new Failure(
      'unavailable',
      'recording-unavailable',
      'This session cannot be recorded, so it cannot begin.',
      {
        cause,
      },
    );
  }
  return new Live(ticket, recorder, { ...times, startedAt }, whenOver);
}

function unrecorded(sessionId: string) {
  const totals = { statements: 0, refused: 0, errors: 0, rowsRead: 0, bytesRead: 0, bytesWritten: 0 };
  const closing = {
    endedAtMs: Date.now(),
    durationMs: 0,
    endReason: 'no recording',
    totals,
    uses: [],
    chunks: 0,
    end: 0,
    lost: null,
  };
  return { sessionId, closing, recording: null, recordingHash: null };
}

/** What live sessions have done so far, for those who look; the closing writes the truth. */
async function showLive(ctx: { db: Db; log: Logger }, live: Live[]): Promise<void> {
  if (live.length === 0) return;
  const column = (pick: (totals: Recorder['totals']) => number) =>
    live.map((one) => pick(one.recorder.totals));
  // The totals grow with each statement that ends; a budget knows of one that runs.
  const rows = live.map((one) => Math.max(one.recorder.totals.rowsRead, one.budget?.read.rows ?? 0));
  const bytes = live.map((one) => Math.max(one.recorder.totals.bytesRead, one.budget?.read.bytes ?? 0));
  try {
    await sql`
      update sessions s
      set seen_at = now(), statements = v.statements, refused = v.refused, errors = v.errors,
          rows_read = v.rows_read, bytes_read = v.bytes_read, bytes_written = v.bytes_written,
          commands = v.commands, files = v.files, connections = v.connections
      from unnest(
        ${live.map((one) => one.ticket.sessionId)}::text[], ${column((t) => t.statements)}::int[],
        ${column((t) => t.refused)}::int[], ${column((t) => t.errors)}::int[], ${rows}::bigint[],
        ${bytes}::bigint[], ${column((t) => t.bytesWritten)}::bigint[],
        ${column((t) => t.commands)}::int[], ${column((t) => t.files)}::int[], ${column((t) => t.connections)}::int[]
      ) as v(id, statements, refused, errors, rows_read, bytes_read, bytes_written,
             commands, files, connections)
      where s.id = v.id and s.ended_at is null`.execute(ctx.db);
  } catch (error) {
    ctx.log.debug({ reason: messageOf(error) }, 'live sessions could not be shown');
  }
}

function every(periodMs: number, act: () => void): () => void {
  const timer = setInterval(act, periodMs);
  timer.unref();
  return () => clearInterval(timer);
}
