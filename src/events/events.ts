// What happened, for whoever waits: the live portal, long polls, gateways with a session to cut. An event is a
// hint, never the truth: it goes out after the act's transaction has committed (so it is never early), may be lost in
// a crash or on a broken connection, and everyone who relies on it also polls. This process hears of it at once, the
// others by NOTIFY: not inside the act's transaction, because a commit with a NOTIFY holds a lock that makes all such
// commits take turns, each waiting for the disk by itself.

import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { sql } from 'kysely';
import pg from 'pg';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { after, sleep } from '../base/timer.ts';
import { afterCommit, type Db, type Trx } from '../db/client.ts';

export const TOPICS = [
  'requests',
  'grants',
  'sessions',
  'audit',
  'targets',
  'policies',
  'people',
  'notices',
  'break-glass',
  'kills',
] as const;
export type Topic = (typeof TOPICS)[number];

export interface Event {
  topic: Topic;
  /** The id of what changed. */
  id?: string;
  /**
   * `ending`: a grant's sessions must go now. `end`: this session must go now. `cancel`: whoever has the session whose
   * cancel key has this digest (the id) is to cancel what it runs.
   */
  act?: 'ending' | 'end' | 'cancel';
  /** Why, for people. */
  reason?: string;
}

const CHANNEL = 'sallyport_events';
const RECONNECT_MS = 1_000;
const LONGEST_REASON = 500;
/** Other processes hear this much later, and many events at once: a NOTIFY costs as much as a step of a grant. */
const GATHER_MS = 20;
/** PostgreSQL takes payloads below 8,000 bytes. */
const LONGEST_PAYLOAD_BYTES = 7_500;
/** Past this the oldest are dropped: whoever waited for them polls. */
const MOST_UNSENT = 10_000;
// A portal page and a long poll each take one listener; past this the process has a leak worth a warning.
const MOST_LISTENERS = 5_000;

/** What a NOTIFY carries: whose it is, so that a process does not hear its own twice, and what happened. */
interface Parcel {
  from: string;
  events: Event[];
}

/** The events of each store that this process listens to. */
const listening = new WeakMap<Db, (event: Event) => void>();

/** Tells everyone on the store, once `trx` has committed; it is not waited for. */
export async function publish(trx: Trx | Db, event: Event): Promise<void> {
  const short =
    event.reason === undefined ? event : { ...event, reason: event.reason.slice(0, LONGEST_REASON) };
  afterCommit(trx, (store) => {
    const tell = listening.get(store);
    if (tell !== undefined) tell(short);
    else void notify(store, [short]).catch(() => undefined);
  });
}

function notify(store: Db, events: Event[]): Promise<unknown> {
  const parcel: Parcel = { from: '', events };
  return sql`select pg_notify(${CHANNEL}, ${JSON.stringify(parcel)})`.execute(store);
}

export interface Events {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Returns the function that unsubscribes. A handler must not throw. */
  subscribe(handler: (event: Event) => void): () => void;
  /** Resolves at the next event that `wanted` accepts, or after `timeoutMs`; says which. */
  next(wanted: (event: Event) => boolean, timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
}

/**
 * One LISTEN connection a process; it reconnects by itself. With `db`, what this process publishes on that store is
 * heard here without the way through the store, and goes out on the same connection, many events in one NOTIFY.
 */
export function createEvents(ctx: { connectionString: string; log: Logger; db?: Db }): Events {
  const emitter = new EventEmitter();
  emitter.setMaxListeners(MOST_LISTENERS);
  const stopping = new AbortController();
  const own = randomBytes(9).toString('base64url');
  const unsent: Event[] = [];
  let sending = false;
  let sent: Promise<void> = Promise.resolve();
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
      const parcel = parseParcel(message.payload ?? '');
      if (parcel.from !== own) for (const event of parcel.events) emitter.emit('event', event);
    });
    await fresh.connect();
    // A hint that is lost in a crash of the store was of no use to anyone.
    await fresh.query(`set synchronous_commit = off; listen ${CHANNEL}`);
    client = fresh;
    if (!sending) sent = send();
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

  async function send(): Promise<void> {
    sending = true;
    try {
      await sleep(GATHER_MS, stopping.signal);
      while (client !== null && unsent.length > 0) {
        const parcel: Parcel = { from: own, events: takeParcel(unsent) };
        await client.query('select pg_notify($1, $2)', [CHANNEL, JSON.stringify(parcel)]);
      }
    } catch (error) {
      ctx.log.warn({ reason: messageOf(error) }, 'events could not be sent; whoever waits for them polls');
    } finally {
      sending = false;
    }
  }

  const tell = (event: Event) => {
    emitter.emit('event', event);
    if (unsent.length >= MOST_UNSENT) unsent.shift();
    unsent.push(event);
    if (!sending) sent = send();
  };

  const subscribe = (handler: (event: Event) => void) => {
    emitter.on('event', handler);
    return () => {
      emitter.off('event', handler);
    };
  };

  return {
    async start() {
      await connect();
      if (ctx.db !== undefined) listening.set(ctx.db, tell);
    },
    async stop() {
      stopping.abort();
      if (ctx.db !== undefined) listening.delete(ctx.db);
      await sent;
      await client?.end().catch(() => undefined);
    },
    subscribe,
    next(wanted, timeoutMs, signal) {
      return new Promise((resolve) => {
        const finish = (came: boolean) => {
          off();
          timer.cancel();
          signal?.removeEventListener('abort', giveUp);
          resolve(came);
        };
        const giveUp = () => finish(false);
        const off = subscribe((event) => wanted(event) && finish(true));
        const timer = after(timeoutMs, giveUp);
        signal?.addEventListener('abort', giveUp, { once: true });
        if (signal?.aborted === true) giveUp();
      });
    },
  };
}

/** As many as one NOTIFY takes, at least one. */
function takeParcel(unsent: Event[]): Event[] {
  const taken: Event[] = [];
  let bytes = 0;
  for (let next = unsent[0]; next !== undefined; next = unsent[0]) {
    bytes += Buffer.byteLength(JSON.stringify(next)) + 1;
    if (taken.length > 0 && bytes > LONGEST_PAYLOAD_BYTES) break;
    taken.push(next);
    unsent.shift();
  }
  return taken;
}

function parseParcel(text: string): Parcel {
  const nothing: Parcel = { from: '', events: [] };
  try {
    const value = JSON.parse(text) as Partial<Parcel>;
    if (typeof value.from !== 'string' || !Array.isArray(value.events)) return nothing;
    return {
      from: value.from,
      events: value.events.filter((event) => TOPICS.some((topic) => topic === event?.topic)),
    };
  } catch {
    return nothing;
  }
}
