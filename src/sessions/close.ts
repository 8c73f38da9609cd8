// The end of a session in the store: totals, use, the recording's hash and the audit entry, in one transaction. The
// same facts stand in the recording's closing record, so nothing is lost while the store is away: in a running
// process they are tried again until they are written, and after a restart they are read from the recording
// (recover.ts).

import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { sleep } from '../base/timer.ts';
import type { Db, Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { writeMeasures } from './measure.ts';
import type { Closing, Totals } from './recording-format.ts';

export interface EndedSession {
  sessionId: string;
  closing: Closing;
  /** Relative to the data folder; null when there is no recording. */
  recording: string | null;
  /** Hex; null when the recording could not be closed. */
  recordingHash: string | null;
}

export interface Closer {
  /** Resolves at the first attempt's end, written or not; goes on by itself until it is. */
  add(ended: EndedSession): Promise<void>;
  /** Not written yet. */
  waiting(): number;
  /** Gives what is waiting one more chance, and stops trying. */
  stop(): Promise<void>;
}

/** The end reason of a session whose replica was taken for lost; what was recorded comes when that one is back. */
export const LOST = 'interrupted: its replica was lost';

const AT_ONCE = 4;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;

export function createCloser(ctx: { db: Db; log: Logger }): Closer {
  const waiting = new Map<string, EndedSession>();
  const stopping = new AbortController();
  let retrying: Promise<void> | null = null;
  let busy = 0;
  const queue: (() => void)[] = [];

  async function attempt(ended: EndedSession): Promise<boolean> {
    if (busy >= AT_ONCE) await new Promise<void>((resolve) => queue.push(resolve));
    busy++;
    try {
      await writeEnd(ctx.db, ended);
      waiting.delete(ended.sessionId);
      return true;
    } catch (error) {
      ctx.log.warn(
        { session: ended.sessionId, reason: messageOf(error) },
        'the end of a session is not written yet',
      );
      return false;
    } finally {
      busy--;
      queue.shift()?.();
    }
  }

  async function retry(): Promise<void> {
    for (let delayMs = FIRST_RETRY_MS; waiting.size > 0 && !stopping.signal.aborted; ) {
      await sleep(delayMs, stopping.signal);
      const [first, ...rest] = [...waiting.values()];
      // One as a probe: a store that is away is not asked for all of them.
      const back = first === undefined || (await attempt(first));
      if (back) await Promise.all(rest.map(attempt));
      delayMs = back ? FIRST_RETRY_MS : Math.min(delayMs * 2, LONGEST_RETRY_MS);
    }
    retrying = null;
  }

  return {
    async add(ended) {
      waiting.set(ended.sessionId, ended);
      if (!(await attempt(ended))) retrying ??= retry();
    },
    waiting: () => waiting.size,
    async stop() {
      stopping.abort();
      await retrying;
    },
  };
}

/** Writes it once, however often it is called. Errors: the store's. */
export async function writeEnd(db: Db, ended: EndedSession): Promise<void> {
  const { closing, sessionId } = ended;
  const { totals } = closing;
  await db.transaction().execute(async (trx) => {
    const row = await trx
      .updateTable('sessions')
      .set({
        // By the store's clock, also when it is written later.
        ended_at: sql<Date>`least(now(), started_at + make_interval(secs => ${closing.durationMs / 1000}))`,
        end_reason: closing.endReason,
        statements: totals.statements,
        refused: totals.refused,
        errors: totals.errors,
        // A session whose process died knows less than it had told while it ran, and budgets count what was told.
        rows_read: sql<number>`greatest(rows_read, ${totals.rowsRead})`,
        bytes_read: sql<number>`greatest(bytes_read, ${totals.bytesRead})`,
        bytes_written: totals.bytesWritten,
        ...hostColumns(totals),
        recording: ended.recording,
        recording_hash: ended.recordingHash,
      })
      .where('id', '=', sessionId)
      .where('ended_at', 'is', null)
      .returning(['grant_id', 'target_id'])
      .executeTakeFirst();
    if (row === undefined) {
      await writeFound(trx, ended);
      return;
    }
    await writeUses(trx, ended);
    await append(trx, {
      kind: 'session.ended',
      actor: SYSTEM_ACTOR,
      grantId: row.grant_id,
      sessionId,
      targetId: row.target_id,
      detail: {
        reason: closing.endReason,
        ...totals,
        recordingHash: ended.recordingHash,
        lostStatements: closing.lost,
      },
    });
    await publish(trx, { topic: 'sessions', id: sessionId });
  });
}

// Another replica closed it meanwhile, without the recording: it is known now.
async function writeFound(trx: Trx, ended: EndedSession): Promise<void> {
  const { sessionId, recordingHash, closing } = ended;
  if (recordingHash === null) return;
  const { totals } = closing;
  const row = await trx
    .updateTable('sessions')
    .set({
      recording: ended.recording,
      recording_hash: recordingHash,
      statements: totals.statements,
      refused: totals.refused,
      errors: totals.errors,
      rows_read: totals.rowsRead,
      bytes_read: totals.bytesRead,
      bytes_written: totals.bytesWritten,
      ...hostColumns(totals),
    })
    .where('id', '=', sessionId)
    .where('end_reason', '=', LOST)
    .where('recording_hash', 'is', null)
    .returning(['grant_id', 'target_id'])
    .executeTakeFirst();
  if (row === undefined) return;
  await writeUses(trx, ended);
  await append(trx, {
    kind: 'session.recording-found',
    actor: SYSTEM_ACTOR,
    grantId: row.grant_id,
    sessionId,
    targetId: row.target_id,
    detail: { ...totals, recordingHash },
  });
  await publish(trx, { topic: 'sessions', id: sessionId });
}

// What was written while it ran is less, or the same.
function writeUses(trx: Trx, { sessionId, closing }: EndedSession): Promise<void> {
  const measures = closing.uses.map((use) => ({ sessionId, use }));
  return writeMeasures(trx, measures, 'ended');
}

const hostColumns = ({ commands = 0, files = 0, connections = 0 }: Totals) => ({
  commands,
  files,
  connections,
});
