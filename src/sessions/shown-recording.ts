// A session's recording for whoever may see the session, wherever it lies: on this disk, in the store of objects, on another
// replica's disk, or nowhere any more.

import { join } from 'node:path';
import type { SessionDetail } from '../api/sessions.ts';
import { codeOf, conflict, Failure } from '../base/errors.ts';
import type { Db } from '../db/client.ts';
import type { Fetched } from './fetched.ts';
import { removedText } from './kept-text.ts';
import { type RecordingPage, readRecording } from './read-recording.ts';
import { readTerminal } from './read-terminal.ts';
import { recordingPath } from './recording-path.ts';

export interface ShownContext {
  db: Db;
  dataFolder: string;
  /** This replica's name: what others have not stored is on their disks. */
  replica: string;
  fetched: Fetched;
}

export interface RecordedRow {
  id: string;
  gateway: string;
  recording: string | null;
  recording_hash: string | null;
  recording_object: string | null;
  removed_at: Date | null;
  keep_s: number | null;
}

type Shown = Pick<SessionDetail, 'recording' | 'statementList' | 'nextCursor'>;

/** A page of statements and what is to be thought of the recording. Errors: the store's, `too-many-recordings`. */
export async function showRecording(
  ctx: ShownContext,
  row: RecordedRow,
  page: { from: number; limit: number },
): Promise<Shown> {
  if (row.removed_at !== null) return nothing('removed', removedText(row.removed_at, row.keep_s));
  try {
    const read = await readRecording(await pathOf(ctx, row), page);
    if (read.state === 'missing' && row.recording_object === null) {
      // It may have been brought to the store since the row was read.
      const stored = await storedSince(ctx, row);
      if (stored !== null) return showRecording(ctx, stored, page);
      if (row.gateway !== ctx.replica) return nothing('elsewhere', await whereElse(ctx.db, row));
    }
    return {
      recording: { state: read.state, ...judged(read, row.recording_hash) },
      statementList: read.statements,
      nextCursor: read.next === null ? null : String(read.next),
    };
  } catch (error) {
    const state = error instanceof Failure ? STATES[error.code] : undefined;
    if (state === undefined || !(error instanceof Failure)) throw error;
    return nothing(state, error.message);
  }
}

const STATES: Readonly<Record<string, Shown['recording']['state']>> = {
  'recording-broken': 'broken',
  'recording-missing': 'missing',
  'recording-store-unavailable': 'elsewhere',
};

/**
 * A terminal as asciicast; null: there is none. Errors: `recording-removed`, `recording-elsewhere`, `recording-broken`,
 * `recording-missing`, `recording-store-unavailable`, `too-many-recordings`.
 */
export async function showTerminal(
  ctx: ShownContext,
  row: RecordedRow,
  entry: number,
): Promise<string | null> {
  if (row.removed_at !== null)
    throw new Failure('gone', 'recording-removed', removedText(row.removed_at, row.keep_s));
  const path = await pathOf(ctx, row);
  try {
    return await readTerminal(path, entry);
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT')
      throw conflict('recording-broken', 'The recording cannot be read.', { cause });
    const stored = row.recording_object === null ? await storedSince(ctx, row) : null;
    if (stored !== null) return showTerminal(ctx, stored, entry);
    if (row.gateway === ctx.replica) return null;
    throw conflict('recording-elsewhere', `The recording is on the replica ${row.gateway}.`);
  }
}

/** Errors: those of `Fetched.path`. */
async function pathOf(ctx: ShownContext, row: RecordedRow): Promise<string> {
  const { id, recording_object: object, recording_hash: hash } = row;
  if (object === null || hash === null) return join(ctx.dataFolder, row.recording ?? recordingPath(id));
  return ctx.fetched.path({ sessionId: id, object, hash });
}

async function storedSince(ctx: ShownContext, row: RecordedRow): Promise<RecordedRow | null> {
  const now = await ctx.db
    .selectFrom('sessions')
    .select(['id', 'gateway', 'recording', 'recording_hash', 'recording_object', 'removed_at', 'keep_s'])
    .where('id', '=', row.id)
    .where((eb) => eb.or([eb('recording_object', 'is not', null), eb('removed_at', 'is not', null)]))
    .executeTakeFirst();
  return now ?? null;
}

function nothing(state: Shown['recording']['state'], problem: string): Shown {
  return { recording: { state, intact: false, problem }, statementList: [], nextCursor: null };
}

async function whereElse(db: Db, row: RecordedRow): Promise<string> {
  const replica = await db
    .selectFrom('replicas')
    .select('addresses')
    .where('name', '=', row.gateway)
    .executeTakeFirst();
  const where = (replica?.addresses as Record<string, string> | undefined)?.http;
  return `The recording is on the replica ${row.gateway}${where === undefined ? '' : ` (${where})`}; look at the session there.`;
}

// The chain shows that the file is whole; the hash in the log shows that it is the file of that session.
function judged(page: RecordingPage, logged: string | null) {
  if (page.intact && logged !== null && page.hash !== logged) {
    return { intact: false, problem: 'This is not the recording whose hash stands in the audit log.' };
  }
  return { intact: page.intact, problem: page.problem };
}
