// Sessions as the API shows them: rows from the store, statements from the recording. Ending one goes to whichever
// process holds it, by an event; that process cuts it and writes down the end.

import { sql } from 'kysely';
import type { z } from 'zod';
import type {
  Session,
  SessionDetail,
  SessionLive,
  SessionMeasures,
  sessionQuery,
  WatchQuery,
} from '../api/sessions.ts';
import type { pageQuery } from '../api/text.ts';
import { conflict, Failure, invalid, notFound } from '../base/errors.ts';
import type { Db } from '../db/client.ts';
import { askToEnd } from '../grants/ask-to-end.ts';
import type { GrantsContext } from '../grants/context.ts';
import { mayAdminister, seesEverything } from '../grants/platform-rights.ts';
import type { Caller } from '../grants/submit.ts';
import { actorOf } from '../identity/principals.ts';
import { holdRecording, releaseRecording } from './hold.ts';
import { type ShownContext, showRecording, showTerminal } from './shown-recording.ts';
import { watchSession } from './watch.ts';

export interface SessionReader {
  list(
    reader: Caller,
    query: z.infer<typeof sessionQuery>,
  ): Promise<{ items: Session[]; nextCursor: string | null }>;
  /** A page of statements in their order. Errors: `unknown-session`, `too-many-recordings`. */
  detail(reader: Caller, id: string, query: z.infer<typeof pageQuery>): Promise<SessionDetail>;
  /** What it does now, on whichever replica it runs. Errors: `unknown-session`, `too-many-watchers`. */
  watch(by: Caller, id: string, query: WatchQuery, signal: AbortSignal): Promise<SessionLive>;
  /** What was on that terminal, asciicast v2. Errors: `unknown-session`, `unknown-terminal`, those of `showTerminal`. */
  terminal(reader: Caller, id: string, entry: number): Promise<string>;
  /** What it did by verb and object, of one that runs some seconds late; the most statements first. Errors: `unknown-session`. */
  measures(reader: Caller, id: string): Promise<SessionMeasures>;
  /** Its own principal or an administrator. Errors: `unknown-session`, `may-not`, `session-ended`. */
  end(by: Caller, id: string, reason: string): Promise<Session>;
  /** Whoever may administer. Errors: `unknown-session`, `recording-removed`, `held-already`. */
  hold(by: Caller, id: string, reason: string): Promise<Session>;
  /** The same, not for one's own session. Errors: `unknown-session`, `may-not`, `not-held`. */
  release(by: Caller, id: string, reason: string): Promise<Session>;
}

type SessionReaderContext = Pick<GrantsContext, 'db' | 'policies'> & ShownContext;

export function createSessionReader(ctx: SessionReaderContext): SessionReader {
  return {
    async list(reader, query) {
      const mine = query.view === 'mine' || !seesEverything(ctx, reader);
      const rows = await selectSessions(ctx.db)
        .$if(mine, (q) => q.where('s.principal_id', '=', reader.principal.id))
        .$if(query.state === 'live', (q) => q.where('s.ended_at', 'is', null))
        .$if(query.state === 'ended', (q) => q.where('s.ended_at', 'is not', null))
        .$if(query.grant !== undefined, (q) => q.where('s.grant_id', '=', query.grant ?? ''))
        .$if(query.recording === 'held', (q) => q.where('s.held_at', 'is not', null))
        .$if(query.recording === 'removed', (q) => q.where('s.removed_at', 'is not', null))
        .$if(query.cursor !== undefined, (q) => q.where('s.id', '<', query.cursor ?? ''))
        .orderBy('s.id', 'desc')
        .limit(query.limit + 1)
        .execute();
      const items = rows.slice(0, query.limit).map(sessionFrom);
      return { items, nextCursor: rows.length > query.limit ? (items.at(-1)?.id ?? null) : null };
    },

    async measures(reader, id) {
      await oneVisible(ctx, reader, id);
      const rows = await ctx.db
        .selectFrom('session_use')
        .select(['verb', 'object', 'statements', 'errors', 'rows', 'bytes', 'duration_ms as durationMs'])
        .where('session_id', '=', id)
        .orderBy('statements', 'desc')
        .orderBy('verb')
        .orderBy('object')
        .execute();
      return { items: rows };
    },

    async detail(reader, id, query) {
      const row = await oneVisible(ctx, reader, id);
      const from = Number(query.cursor ?? 0);
      if (!Number.isSafeInteger(from) || from < 0) throw invalid('cursor', 'Not a cursor of this list.');
      return { ...sessionFrom(row), ...(await showRecording(ctx, row, { from, limit: query.limit })) };
    },

    async terminal(reader, id, entry) {
      const row = await oneVisible(ctx, reader, id);
      const cast = await showTerminal(ctx, row, entry);
      if (cast === null) throw notFound('terminal', String(entry));
      return cast;
    },

    watch: (by, id, query, signal) =>
      watchSession(
        ctx.db,
        by,
        async () => {
          const row = await oneVisible(ctx, by, id);
          return { session: sessionFrom(row), targetId: row.target_id };
        },
        query,
        signal,
      ),

    async end(by, id, reason) {
      const row = await oneVisible(ctx, by, id);
      if (row.principal_id !== by.principal.id && !mayAdminister(ctx, by)) {
        throw new Failure('denied', 'may-not', 'You may not end this session.', {
          hint: 'Its own principal and administrators may; whoever may approve can revoke the grant.',
        });
      }
      if (row.ended_at !== null) throw conflict('session-ended', 'This session is over already.');
      await ctx.db.transaction().execute(async (trx) => {
        await askToEnd(trx, {
          sessionId: id,
          grantId: row.grant_id,
          targetId: row.target_id,
          reason,
          actor: actorOf(by.principal),
          sourceAddress: by.sourceAddress,
        });
      });
      return sessionFrom(row);
    },

    async hold(by, id, reason) {
      await holdRecording(ctx.db, by, await oneVisible(ctx, by, id), reason);
      return sessionFrom(await oneVisible(ctx, by, id));
    },

    async release(by, id, reason) {
      await releaseRecording(ctx.db, by, await oneVisible(ctx, by, id), reason);
      return sessionFrom(await oneVisible(ctx, by, id));
    },
  };
}

async function oneVisible(ctx: SessionReaderContext, reader: Caller, id: string) {
  const row = await selectSessions(ctx.db).where('s.id', '=', id).executeTakeFirst();
  if (row === undefined) throw notFound('session', id);
  const sees =
    row.principal_id === reader.principal.id ||
    seesEverything(ctx, reader) ||
    (await reviews(ctx.db, reader.principal.id, row.grant_id));
  if (!sees) throw notFound('session', id);
  return row;
}

/** Whoever was told of a break-glass, and so may review it, has to see what was done. */
async function reviews(db: Db, principalId: string, grantId: string): Promise<boolean> {
  const row = await db
    .selectFrom('reviews')
    .select('id')
    .where('grant_id', '=', grantId)
    .where(sql<boolean>`${principalId} = any(told)`)
    .executeTakeFirst();
  return row !== undefined;
}

function selectSessions(db: Db) {
  return db
    .selectFrom('sessions as s')
    .innerJoin('principals as p', 'p.id', 's.principal_id')
    .innerJoin('targets as t', 't.id', 's.target_id')
    .innerJoin('tasks as k', 'k.id', 's.task_id')
    .leftJoin('principals as h', 'h.id', 's.held_by')
    .selectAll('s')
    .select([
      'p.name as principal_name',
      'p.display_name',
      'p.kind as principal_kind',
      't.name as target',
      't.kind as target_kind',
      'k.name as task',
      'h.name as holder',
      sql<Date | null>`s.ended_at + make_interval(secs => s.keep_s)`.as('kept_until'),
    ]);
}

type Row = Awaited<ReturnType<ReturnType<typeof selectSessions>['executeTakeFirstOrThrow']>>;

function sessionFrom(row: Row): Session {
  return {
    id: row.id,
    grantId: row.grant_id,
    principal: {
      id: row.principal_id,
      name: row.principal_name,
      displayName: row.display_name,
      kind: row.principal_kind,
    },
    target: row.target,
    targetKind: row.target_kind,
    task: row.task,
    live: row.ended_at === null,
    clientAddress: row.client_address,
    application: row.application,
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
    endReason: row.end_reason,
    statements: row.statements,
    refused: row.refused,
    errors: row.errors,
    rowsRead: row.rows_read,
    bytesRead: row.bytes_read,
    bytesWritten: row.bytes_written,
    commands: row.commands,
    files: row.files,
    connections: row.connections,
    recordingHash: row.recording_hash,
    kept: {
      seconds: row.keep_s,
      until: row.kept_until?.toISOString() ?? null,
      hold:
        row.held_at === null
          ? null
          : { at: row.held_at.toISOString(), by: row.holder ?? '', reason: row.hold_reason ?? '' },
      removedAt: row.removed_at?.toISOString() ?? null,
    },
  };
}
