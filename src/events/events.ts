// What happened, for whoever waits: the live portal, long polls, gateways with a session to cut. An event is a
// hint, never the truth: it is sent by NOTIFY in the act's own transaction (so it is never early), may be lost on a
// broken connection, and everyone who relies on it also polls.

import { EventEmitter } from 'node:events';
import { sql } from 'kysely';
import pg from 'pg';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { sleep } from '../base/timer.ts';
import type { Db, Trx } from '../db/client.ts';

export const TOPICS = ['requests', 'grants', 'sessions', 'audit', 'targets', 'policies'] as const;
export type Topic = (typeof TOPICS)[number];

export interface Event {
  topic: Topic;
  /** The id of what changed. */
  id?: string;
  /** `ending`: a grant's sessions must go now. `end`: this session must go now. */
  act?: 'ending' | 'end';
  /** Why, for people. */
  reason?: string;
}

const CHANNEL = 'sallyport_events';
const RECONNECT_MS = 1_000;
const LONGEST_REASON = 500;
// A portal page and a long poll each take one listener; past this the process has a leak worth a warning.
const MOST_LISTENERS = 5_000;

/** Sends `event` when `trx` commits, to every process on the store. */
export async function publish(trx: Trx | Db, event: Event): Promise<void> {
  const short =
    event.reason === undefined ? event : { ...event, reason: event.reason.slice(0, LONGEST_REASON) };
  await sql`select pg_notify(${CHANNEL}, ${JSON.stringify(short)})`.execute(trx);
}

export interface Events {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Returns the function that unsubscribes. A handler must not throw. */
  subscribe(handler: (event: Event) => void): () => void;
  /** Resolves at the next event that `wanted` accepts, or after `timeoutMs`; says which. */
  next(wanted: (event: Event) => boolean, timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
}

/** One LISTEN connection a process; it reconnects by itself. */
export function createEvents(ctx: { connectionString: string; log: Logger }): Events {
  const emitter = new EventEmitter();
  emitter.setMaxListeners(MOST_LISTENERS);
  const stopping = new AbortController();
  let client: pg.Client | null = null;

  async function connect(): Promise<void> {
    const fresh = new pg.Client({
      connectionString: ctx.connectionString,
      application_name: 'sallyport events',
    });
    fresh.on('error', (error) => ctx.log.warn({ err: error }, 'the events connection failed'));
    fresh.on('end', () => {
      if (client !== fresh) return;
      client = null;
      if (!stopping.signal.aborted) void reconnect();
    });
    fresh.on('notification', (message) => {
      const event = parseEvent(message.payload ?? '');
      if (event !== null) emitter.emit('event', event);
    });
    await fresh.connect();
    await fresh.query(`listen ${CHANNEL}`);
    client = fresh;
  }

  async function reconnect(): Promise<void> {
    while (client === null && !stopping.signal.aborted) {
      await sleep(RECONNECT_MS, stopping.signal);
      if (stopping.signal.aborted) return;
      await connect().catch((error: unknown) => {
        ctx.log.warn({ reason: messageOf(error) }, 'events: still not connected');
      });
    }
  }

  const subscribe = (handler: (event: Event) => void) => {
    emitter.on('event', handler);
    return () => {
      emitter.off('event', handler);
    };
  };

  return {
    start: connect,
    async stop() {
      stopping.abort();
      await client?.end().catch(() => undefined);
    },
    subscribe,
    next(wanted, timeoutMs, signal) {
      return new Promise((resolve) => {
        const waiting = new AbortController();
        const finish = (came: boolean) => {
          off();
          waiting.abort();
          resolve(came);
        };
        const off = subscribe((event) => wanted(event) && finish(true));
        signal?.addEventListener('abort', () => finish(false), { once: true });
        void sleep(timeoutMs, waiting.signal).then(() => !waiting.signal.aborted && finish(false));
      });
    },
  };
}

function parseEvent(text: string): Event | null {
  try {
    const value = JSON.parse(text) as Partial<Event>;
    return TOPICS.some((topic) => topic === value.topic) ? (value as Event) : null;
  } catch {
    return null;
  }
}
