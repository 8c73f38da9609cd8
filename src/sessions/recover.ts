// After a crash: sessions of this gateway that the store holds open have no process any more. Their recordings are
// closed as interrupted (journal open → closing → closed), or were closed and only the store does not know.

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { codeOf, messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Db } from '../db/client.ts';
import { type EndedSession, LOST, writeEnd } from './close.ts';
import { HostCounts } from './host-counts.ts';
import { readRecording, walkChain } from './read-recording.ts';
import { NOT_RUN } from './recorder.ts';
import {
  type Closing,
  type Columns,
  JOURNAL,
  KIND,
  SLOT_OFFSET,
  STATE_OFFSET,
  slotBytes,
  type TerminalColumns,
  type Totals,
  unpackBody,
} from './recording-format.ts';
import { recordingPath } from './recording-path.ts';

export const INTERRUPTED = 'interrupted';

interface RecoverContext {
  db: Db;
  log: Logger;
  dataFolder: string;
  gatewayName: string;
}

/** A row that nobody has touched for longer has no process. */
const ABANDONED_SECONDS = 60;

/**
 * Closes all that is left open from an earlier run, from a replica that no longer has a row, and what another replica
 * has closed while this one was away. Errors: the store's. Returns how many there were.
 */
export async function recoverSessions(ctx: RecoverContext): Promise<number> {
  const rows = await ctx.db
    .selectFrom('sessions')
    .select(['id', 'ended_at'])
    .where((eb) =>
      eb.or([
        eb.and([eb('gateway', '=', ctx.gatewayName), eb('ended_at', 'is', null)]),
        eb.and([
          eb('gateway', '=', ctx.gatewayName),
          eb('end_reason', '=', LOST),
          eb('recording_hash', 'is', null),
        ]),
        eb.and([
          eb('ended_at', 'is', null),
          eb('seen_at', '<', sql<Date>`now() - make_interval(secs => ${ABANDONED_SECONDS})`),
          eb('gateway', 'not in', eb.selectFrom('replicas').select('name')),
        ]),
      ]),
    )
    .execute();
  for (const row of rows) await writeEnd(ctx.db, await recoverOne(ctx, row.id));
  return rows.filter((row) => row.ended_at === null).length;
}

/** The same for replicas that are over; their recordings stay open on their disks, until they come back. */
export async function closeAbandoned(ctx: RecoverContext, gateways: string[]): Promise<number> {
  const others = gateways.filter((name) => name !== ctx.gatewayName);
  if (others.length === 0) return 0;
  const rows = await ctx.db
    .selectFrom('sessions')
    .select(['id', sql<number>`extract(epoch from seen_at - started_at)::float8 * 1000`.as('ms')])
    .select(['statements', 'refused', 'errors', 'rows_read', 'bytes_read', 'bytes_written'])
    .select(['commands', 'files', 'connections'])
    .where('gateway', 'in', others)
    .where('ended_at', 'is', null)
    .execute();
  for (const { id, ms, ...row } of rows) {
    const { statements, refused, errors, commands, files, connections } = row;
    const totals = {
      ...{ statements, refused, errors, commands, files, connections },
      ...{ rowsRead: row.rows_read, bytesRead: row.bytes_read, bytesWritten: row.bytes_written },
    };
    const closing = { ...NOTHING, totals, endReason: LOST, durationMs: Math.max(0, Math.round(ms)) };
    await writeEnd(ctx.db, { sessionId: id, closing, recording: recordingPath(id), recordingHash: null });
  }
  return rows.length;
}

async function recoverOne(
  ctx: { log: Logger; dataFolder: string },
  sessionId: string,
): Promise<EndedSession> {
  const recording = recordingPath(sessionId);
  const path = join(ctx.dataFolder, recording);
  try {
    const page = await readRecording(path, { from: 0, limit: 0 });
    if (page.state === 'missing')
      return { sessionId, closing: NOTHING, recording: null, recordingHash: null };
    if (page.closing !== null)
      return { sessionId, closing: page.closing, recording, recordingHash: page.hash };
    const { closing, hash } = await closeInterrupted(path);
    return { sessionId, closing, recording, recordingHash: hash };
  } catch (error) {
    ctx.log.error(
      { session: sessionId, code: codeOf(error), reason: messageOf(error) },
      'a recording could not be closed',
    );
    return { sessionId, closing: NOTHING, recording, recordingHash: null };
  }
}

const EMPTY_TOTALS: Totals = {
  statements: 0,
  refused: 0,
  errors: 0,
  rowsRead: 0,
  bytesRead: 0,
  bytesWritten: 0,
};
const NOTHING: Closing = {
  endedAtMs: 0,
  durationMs: 0,
  endReason: INTERRUPTED,
  totals: EMPTY_TOTALS,
  uses: [],
  chunks: 0,
  end: 0,
  lost: null,
};

/** Closes a recording whose process is gone; what is not a whole chunk stays outside. Errors: the file's. */
export async function closeInterrupted(path: string): Promise<{ closing: Closing; hash: string }> {
  const file = await open(path, 'r+');
  try {
    const totals: Totals = { ...EMPTY_TOTALS };
    let lastOffsetMs = 0;
    let answered = 0;
    const onHost = new HostCounts();
    const chain = await walkChain(file, null, (chunk) => {
      if (chunk.kind === KIND.terminal) {
        const terminal = unpackBody(chunk.body) as TerminalColumns;
        lastOffsetMs = Math.max(lastOffsetMs, (terminal.offset.at(-1) ?? 0) / 1000);
      }
      if (chunk.kind !== KIND.statements) return;
      const columns = unpackBody(chunk.body) as Columns;
      lastOffsetMs = Math.max(lastOffsetMs, (columns.offset.at(-1) ?? 0) / 1000);
      totals.statements = Math.max(totals.statements, chunk.last + 1);
      answered += columns.index.length;
      addUp(totals, columns);
      onHost.take(columns);
    });
    Object.assign(totals, onHost.counts());
    const closing: Closing = {
      ...NOTHING,
      endedAtMs: Date.now(),
      durationMs: Math.round(lastOffsetMs),
      totals,
      chunks: chain.chunks,
      end: chain.end,
    };
    if (answered === 0) totals.statements = 0;
    await journal(file, JOURNAL.closing);
    const { bytes, hash } = slotBytes(closing, chain.lastHash);
    await file.write(bytes, 0, bytes.length, SLOT_OFFSET);
    await file.datasync();
    await journal(file, JOURNAL.closed);
    return { closing, hash: hash.toString('hex') };
  } finally {
    await file.close();
  }
}

function addUp(totals: Totals, columns: Columns): void {
  totals.refused += columns.refused.reduce((sum: number, one) => sum + one, 0);
  totals.errors += Object.entries(columns.errors).filter(
    ([position, [sqlstate]]) => sqlstate !== NOT_RUN && columns.refused[Number(position)] !== 1,
  ).length;
  totals.bytesRead += columns.bytes.reduce((sum, one) => sum + one, 0);
}

async function journal(file: FileHandle, state: number): Promise<void> {
  await file.write(Buffer.from([state]), 0, 1, STATE_OFFSET);
}
