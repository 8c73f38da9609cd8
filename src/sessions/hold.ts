// A legal hold: while it lasts, a recording is not removed, whatever its time. An administrator sets and releases it, with
// a reason, in the log; nobody releases the recording of their own session.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import { conflict, Failure } from '../base/errors.ts';
import type { Db } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { personOf } from '../grants/handed-voice.ts';
import type { Caller } from '../grants/submit.ts';
import { actorOf, principalsById } from '../identity/principals.ts';
import { removedText } from './kept-text.ts';

interface Held {
  id: string;
  grant_id: string;
  target_id: string;
  principal_id: string;
}

/** Errors: `recording-removed`, `held-already`. */
export async function holdRecording(db: Db, by: Caller, row: Held, reason: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    // Whoever removes it waits for this row, or is waited for.
    const now = await trx
      .selectFrom('sessions')
      .select(['removed_at', 'keep_s', 'held_at'])
      .where('id', '=', row.id)
      .forUpdate()
      .executeTakeFirstOrThrow();
    if (now.removed_at !== null)
      throw new Failure('gone', 'recording-removed', removedText(now.removed_at, now.keep_s));
    if (now.held_at !== null) throw conflict('held-already', 'This recording is held already.');
    await trx
      .updateTable('sessions')
      .set({ held_at: sql<Date>`now()`, held_by: by.principal.id, hold_reason: reason })
      .where('id', '=', row.id)
      .execute();
    await append(trx, { ...entryOf(by, row), kind: 'recording.held', detail: { reason } });
    await publish(trx, { topic: 'sessions', id: row.id });
  });
}

/** Errors: `may-not`, `not-held`. */
export async function releaseRecording(db: Db, by: Caller, row: Held, reason: string): Promise<void> {
  if (await isTheirs(db, by, row))
    throw new Failure('denied', 'may-not', 'Nobody releases the recording of their own session.', {
      hint: 'Another administrator may.',
    });
  await db.transaction().execute(async (trx) => {
    const released = await trx
      .updateTable('sessions')
      .set({ held_at: null, held_by: null, hold_reason: null })
      .where('id', '=', row.id)
      .where('held_at', 'is not', null)
      .returning('id')
      .executeTakeFirst();
    if (released === undefined) throw conflict('not-held', 'This recording is not held.');
    await append(trx, { ...entryOf(by, row), kind: 'recording.released', detail: { reason } });
    await publish(trx, { topic: 'sessions', id: row.id });
  });
}

/** By any account of theirs, of an agent of theirs, and where one of both came in by what the other handed out. */
async function isTheirs(db: Db, { principal, handedBy = [] }: Caller, row: Held): Promise<boolean> {
  const { handed_by: askedByHands } = await db
    .selectFrom('grants as g')
    .innerJoin('requests as r', 'r.id', 'g.request_id')
    .select('r.handed_by')
    .where('g.id', '=', row.grant_id)
    .executeTakeFirstOrThrow();
  const known = await principalsById(db, [row.principal_id, ...askedByHands, ...handedBy]);
  const behind = [row.principal_id, ...askedByHands]
    .flatMap((id) => known.get(id) ?? [])
    .flatMap((one) => [personOf(one), ...one.sponsors]);
  return [principal, ...handedBy.flatMap((id) => known.get(id) ?? [])].some((one) =>
    behind.includes(personOf(one)),
  );
}

function entryOf(by: Caller, row: Held) {
  return {
    actor: actorOf(by.principal),
    grantId: row.grant_id,
    sessionId: row.id,
    targetId: row.target_id,
    sourceAddress: by.sourceAddress,
  };
}
