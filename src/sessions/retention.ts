// Recordings whose time is over are removed, in an order that a crash cannot turn round: the row says so together with
// its entry in the log, then the bytes go, then the row says that they are gone. What a crash left in between is finished
// at the next turn. The session, its figures and the recording's hash stay.

import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { codeOf, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Db } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { StoreFailure } from '../object-store/store-failure.ts';
import type { Fetched } from './fetched.ts';
import { homeOf, placeOf, type RecordingStore, recordingObject, recordingPath } from './recording-path.ts';

export interface RetentionContext {
  db: Db;
  log: Logger;
  dataFolder: string;
  /** This replica's name: files of others are on their disks. */
  gatewayName: string;
  /** Where recordings go after their end; null: they stay on the disk. */
  store: RecordingStore | null;
  fetched: Fetched;
}

const MOST_AT_ONCE = 100;

/** One turn. True: there may be more to do at once. Errors: the store's. */
export async function removeOver(ctx: RetentionContext, signal: AbortSignal): Promise<boolean> {
  const due = await dueRecordings(ctx);
  for (const id of due) await markRemoved(ctx, id);
  const files = await clearFiles(ctx);
  const objects = await clearObjects(ctx, signal);
  return [due.length, files, objects].includes(MOST_AT_ONCE);
}

/** For each time in use the first that are over: never a look at all that are kept. */
async function dueRecordings(ctx: RetentionContext): Promise<string[]> {
  // A copy of this installation with a place of its own never deletes what the original has stored.
  const home = ctx.store === null ? null : homeOf(ctx.store);
  const kept = sql`keep_s is not null and removed_at is null and held_at is null and recording_hash is not null`;
  const { rows } = await sql<{ id: string }>`
    with recursive spans as (
      (select keep_s from sessions where ${kept} order by keep_s limit 1)
      union all
      select (select s.keep_s from sessions s where ${kept} and s.keep_s > spans.keep_s order by s.keep_s limit 1)
      from spans where spans.keep_s is not null
    )
    select over.id from spans cross join lateral (
      select id from sessions s
      where ${kept} and s.keep_s = spans.keep_s and s.ended_at < now() - make_interval(secs => spans.keep_s)
        and (s.gateway = ${ctx.gatewayName} and s.recording_object is null
          or starts_with(s.recording_object, ${home}))
      order by s.ended_at limit ${MOST_AT_ONCE}
    ) over limit ${MOST_AT_ONCE}`.execute(ctx.db);
  return rows.map(({ id }) => id);
}

/** Nothing when somebody holds it by now. Errors: the store's. */
async function markRemoved({ db, store }: RetentionContext, sessionId: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await trx
      .updateTable('sessions')
      .set({
        removed_at: sql<Date>`now()`,
        // It may have been brought there just now, and the row not know yet.
        ...(store === null
          ? {}
          : {
              recording_object: sql<string>`coalesce(recording_object, ${recordingObject(store, sessionId)})`,
            }),
      })
      .where('id', '=', sessionId)
      .where('removed_at', 'is', null)
      .where('held_at', 'is', null)
      .where('recording_hash', 'is not', null)
      .where(sql<boolean>`ended_at < now() - make_interval(secs => keep_s)`)
      .returning([
        'grant_id',
        'target_id',
        'recording_hash',
        'keep_s',
        'recording_object',
        'recording_stored_at',
      ])
      .executeTakeFirst();
    if (row === undefined) return;
    await append(trx, {
      kind: 'recording.removed',
      actor: SYSTEM_ACTOR,
      grantId: row.grant_id,
      sessionId,
      targetId: row.target_id,
      detail: {
        keptSeconds: row.keep_s,
        recordingHash: row.recording_hash,
        ...(row.recording_stored_at === null ? {} : { object: row.recording_object }),
      },
    });
    await publish(trx, { topic: 'sessions', id: sessionId });
  });
}

/** Files on this disk that are over: their recordings were removed, or lie elsewhere by now. Errors: the store's. */
export async function clearFiles(
  ctx: Pick<RetentionContext, 'db' | 'log' | 'dataFolder' | 'gatewayName'>,
): Promise<number> {
  const rows = await ctx.db
    .selectFrom('sessions')
    .select('id')
    .where('gateway', '=', ctx.gatewayName)
    .where('file_gone_at', 'is', null)
    .where((eb) => eb.or([eb('removed_at', 'is not', null), eb('recording_object', 'is not', null)]))
    .where('recording_hash', 'is not', null)
    .limit(MOST_AT_ONCE)
    .execute();
  let cleared = 0;
  for (const { id } of rows) if (await clearFile(ctx, id)) cleared++;
  return cleared;
}

async function clearFile(
  ctx: Pick<RetentionContext, 'db' | 'log' | 'dataFolder'>,
  sessionId: string,
): Promise<boolean> {
  try {
    await unlink(join(ctx.dataFolder, recordingPath(sessionId)));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') {
      ctx.log.warn(
        { session: sessionId, reason: messageOf(error) },
        "a recording's file could not be removed; it is tried again",
      );
      return false;
    }
  }
  await ctx.db
    .updateTable('sessions')
    .set({ file_gone_at: sql<Date>`now()` })
    .where('id', '=', sessionId)
    .execute();
  return true;
}

/** Objects of recordings that were removed; the first that fails ends the turn. */
async function clearObjects(ctx: RetentionContext, signal: AbortSignal): Promise<number> {
  const { store } = ctx;
  if (store === null) return 0;
  const rows = await ctx.db
    .selectFrom('sessions')
    .select(['id', 'recording_object'])
    .where('removed_at', 'is not', null)
    .where(sql<boolean>`starts_with(recording_object, ${homeOf(store)})`)
    .where('recording_object', 'is not', null)
    .where('object_gone_at', 'is', null)
    .orderBy('removed_at')
    .limit(MOST_AT_ONCE)
    .execute();
  let cleared = 0;
  for (const { id, recording_object: object } of rows) {
    if (object === null || signal.aborted) break;
    try {
      await store.objects.remove(placeOf(object), signal);
    } catch (error) {
      if (!(error instanceof StoreFailure)) throw error;
      ctx.log.warn(
        { session: id, reason: error.message },
        "a recording's object could not be removed; it is tried again",
      );
      break;
    }
    await ctx.fetched.forget(id);
    await ctx.db
      .updateTable('sessions')
      .set({ object_gone_at: sql<Date>`now()` })
      .where('id', '=', id)
      .execute();
    cleared++;
  }
  return cleared;
}
