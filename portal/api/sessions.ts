// Sessions and their recordings.

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import {
  type Session,
  type SessionLive,
  session,
  sessionDetail,
  sessionLive,
} from '../../src/api/sessions.ts';
import { pageOf } from '../../src/api/text.ts';
import { get, getText, post } from './client.ts';
import { apiPath } from './paths.ts';

const PAGE = 25;
const STATEMENTS_PAGE = 200;
// The server gives no hint for every statement: the figures of live sessions are asked for again.
const LIVE_MS = 2_000;
// Of a running session what is new is watched; each question here reads the recording from its start.
const LIVE_RECORDING_MS = 10_000;
const WATCH_S = 20;
const sessionPage = pageOf(session);

export const sessionsPages = (state: 'live' | 'ended') =>
  infiniteQueryOptions({
    queryKey: ['sessions', 'pages', state],
    queryFn: ({ pageParam, signal }) =>
      get(
        sessionPage,
        apiPath.sessions({ state, limit: PAGE, ...(pageParam === '' ? {} : { cursor: pageParam }) }),
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor,
    refetchInterval: state === 'live' ? LIVE_MS : false,
  });

export const grantSessionsQuery = (grantId: string) =>
  queryOptions({
    queryKey: ['sessions', 'grant', grantId],
    queryFn: async ({ signal }) =>
      (await get(sessionPage, apiPath.sessions({ grant: grantId }), signal)).items,
  });

export const sessionPages = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['sessions', 'one', id],
    queryFn: ({ pageParam, signal }) =>
      get(
        sessionDetail,
        apiPath.session(id, { limit: STATEMENTS_PAGE, ...(pageParam === '' ? {} : { cursor: pageParam }) }),
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor,
    refetchInterval: (query) => (query.state.data?.pages[0]?.live === true ? LIVE_RECORDING_MS : false),
  });

/** A terminal as asciicast; of one that still runs again and again. */
export const terminalQuery = (id: string, entry: number, running: boolean) =>
  queryOptions({
    queryKey: ['sessions', 'terminal', id, entry],
    queryFn: () => getText(apiPath.terminal(id, entry)),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: running ? LIVE_RECORDING_MS : false,
  });

/** Answers when there is something newer than `after`, or after twenty seconds. */
export const watchSession = (id: string, after: number, signal: AbortSignal): Promise<SessionLive> =>
  get(sessionLive, apiPath.watchSession(id, { after, wait: after === 0 ? 0 : WATCH_S }), signal);

export const endSession = (id: string, reason: string): Promise<Session> =>
  post(session, apiPath.endSession(id), { reason });

/** The recording is not removed until somebody releases it. */
export const holdSession = (id: string, reason: string): Promise<Session> =>
  post(session, apiPath.holdSession(id), { reason });

export const releaseSession = (id: string, reason: string): Promise<Session> =>
  post(session, apiPath.releaseSession(id), { reason });
