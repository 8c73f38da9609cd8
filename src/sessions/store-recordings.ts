// Closed recordings go from the disk to a store of objects: put there, read back, then the row says where it is together with
// its entry in the log, and only then the file goes (retention.ts). Each step can be done again: a crash between two of
// them loses nothing and doubles nothing. What the store does not take now is tried for ever, ever less often.

import { join } from 'node:path';
import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { Failure, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { monotonicMs } from '../base/timer.ts';
import type { Db } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { StoreFailure } from '../object-store/store-failure.ts';
import { type Fetched, fetchFailure } from './fetched.ts';
import { readRecording } from './read-recording.ts';
import { placeOf, type RecordingStore, recordingObject, recordingPath } from './recording-path.ts';

export interface Storing {
  /** One turn. True: there may be more to do at once. Errors: the database's. */
  turn(signal: AbortSignal): Promise<boolean>;
  /** What keeps this process from storing what it has; null: nothing. */
  trouble(): StoringTrouble | null;
}

export interface StoringTrouble {
  /** Since the store takes nothing; null: it takes what is whole. */
  awaySince: Date | null;
  why: string | null;
  nextAt: Date | null;
  /** Recordings that are not what the log says, or not there: nothing of them is stored. */
  unfit: { sessionId: string; why: string }[];
}

interface StoringContext {
  db: Db;
  log: Logger;
  dataFolder: string;
  gatewayName: string;
  store: RecordingStore;
  fetched: Fetched;
}

const MOST_AT_ONCE = 50;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
/** What was unfit is looked at again so often: somebody may have brought the file back. */
const UNFIT_MS = 300_000;
const MOST_UNFIT = 1_000;
/** In a row, until no more are tried. */
const ENOUGH_REFUSED = 3;

export function createStoring(ctx: StoringContext): Storing {
  const unfit = new Map<string, { why: string; until: number }>();
  let away: { since: Date; why: string; nextAt: Date; until: number; delayMs: number } | null = null;

  function failed(error: StoreFailure | Failure): void {
    const delayMs = Math.min(LONGEST_RETRY_MS, (away?.delayMs ?? FIRST_RETRY_MS / 2) * 2);
    const waitMs = delayMs * (0.5 + Math.random() / 2);
    const why = error.message;
    if (away?.why !== why)
      ctx.log.warn(
        { reason: why, cause: messageOf(error.cause ?? '') },
        'recordings cannot be stored; it is tried again',
      );
    away = {
      since: away?.since ?? new Date(),
      why,
      nextAt: new Date(Date.now() + waitMs),
      until: monotonicMs() + waitMs,
      delayMs,
    };
  }

  function setAside(sessionId: string, why: string): void {
    if (unfit.size < MOST_UNFIT) unfit.set(sessionId, { why, until: monotonicMs() + UNFIT_MS });
    ctx.log.error({ session: sessionId, reason: why }, 'a recording cannot be stored');
  }

  async function storeOne(sessionId: string, hash: string, signal: AbortSignal): Promise<void> {
    const path = join(ctx.dataFolder, recordingPath(sessionId));
    const object = recordingObject(ctx.store, sessionId);
    const page = await readRecording(path, { from: 0, limit: 0 });
    if (page.state === 'missing') {
      // A store that was restored may have forgotten that it was brought there.
      const found = await ctx.fetched.path({ sessionId, object, hash }, signal).catch((error: unknown) => {
        if (fetchFailure(error) === 'away') throw error;
        return null;
      });
      if (found === null) throw new Unfit('The file is not on the disk.');
    } else if (page.hash !== hash) {
      throw new Unfit(page.problem ?? 'The file is not the recording whose hash stands in the log.');
    } else await ctx.store.objects.put(placeOf(object).key, path, signal);
    await markStored(ctx, sessionId, object, signal);
  }

  return {
    async turn(signal) {
      if (away !== null && monotonicMs() < away.until) return false;
      for (const [id, { until }] of unfit) if (until < monotonicMs()) unfit.delete(id);
      const rows = await waiting(ctx, [...unfit.keys()]);
      const refused: { id: string; error: StoreFailure }[] = [];
      let stored = 0;
      for (const { id, hash } of rows) {
        if (signal.aborted) return false;
        try {
          await storeOne(id, hash, signal);
          stored++;
        } catch (error) {
          if (signal.aborted) return false;
          if (error instanceof Unfit) setAside(id, error.message);
          else if (error instanceof StoreFailure && error.trouble !== 'away') refused.push({ id, error });
          else if (error instanceof StoreFailure || error instanceof Failure) {
            failed(error);
            return false;
          } else throw error;
          if (stored === 0 && refused.length >= ENOUGH_REFUSED) break;
        }
      }
      const [one] = refused;
      // What is refused while others are taken is a matter of that recording; else it is one of the store.
      if (one !== undefined && stored === 0) {
        failed(one.error);
        return false;
      }
      for (const { id, error } of refused) setAside(id, error.message);
      if (away !== null) ctx.log.warn({ since: away.since }, 'recordings are stored again');
      away = null;
      return rows.length === MOST_AT_ONCE;
    },

    trouble() {
      if (away === null && unfit.size === 0) return null;
      return {
        awaySince: away?.since ?? null,
        why: away?.why ?? null,
        nextAt: away?.nextAt ?? null,
        unfit: [...unfit].map(([sessionId, { why }]) => ({ sessionId, why })),
      };
    },
  };
}

class Unfit extends Error {}

async function waiting(
  ctx: Pick<StoringContext, 'db' | 'gatewayName'>,
  without: string[],
): Promise<{ id: string; hash: string }[]> {
  const { rows } = await sql<{ id: string; hash: string }>`
    select id, recording_hash as hash from sessions
    where gateway = ${ctx.gatewayName} and recording_hash is not null and recording_object is null
      and removed_at is null and ended_at is not null and not id = any(${without}::text[])
    order by ended_at limit ${MOST_AT_ONCE}`.execute(ctx.db);
  return rows;
}

/** What was removed meanwhile is removed there as well. Errors: the database's, StoreFailure. */
async function markStored(
  ctx: StoringContext,
  sessionId: string,
  object: string,
  signal: AbortSignal,
): Promise<void> {
  const marked = await ctx.db.transaction().execute(async (trx) => {
    const row = await trx
      .updateTable('sessions')
      .set({ recording_object: object, recording_stored_at: sql<Date>`now()` })
      .where('id', '=', sessionId)
      .where('removed_at', 'is', null)
      .where('recording_object', 'is', null)
      .returning(['grant_id', 'target_id', 'recording_hash'])
      .executeTakeFirst();
    if (row === undefined) return false;
    await append(trx, {
      kind: 'recording.stored',
      actor: SYSTEM_ACTOR,
      grantId: row.grant_id,
      sessionId,
      targetId: row.target_id,
      detail: { object, recordingHash: row.recording_hash },
    });
    await publish(trx, { topic: 'sessions', id: sessionId });
    return true;
  });
  if (!marked) await ctx.store.objects.remove(placeOf(object), signal);
}
