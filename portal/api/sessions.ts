// Sessions and their recordings.

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { type Session, session, sessionDetail } from '../../src/api/sessions.ts';
import { pageOf } from '../../src/api/text.ts';
import { get, post } from './client.ts';
import { apiPath } from './paths.ts';

const PAGE = 25;
const STATEMENTS_PAGE = 200;
// The server gives no hint for every statement: what is on screen of a live session is asked for again.
const LIVE_MS = 2_000;
// Each question reads the recording from its start: long ones are asked for less often.
const LONG_LIVE_MS = 10_000;
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
    refetchInterval: (query) => {
      const pages = query.state.data?.pages ?? [];
      if (pages[0]?.live !== true) return false;
      return pages.length > 1 ? LONG_LIVE_MS : LIVE_MS;
    },
  });

export const endSession = (id: string, reason: string): Promise<Session> =>
  post(session, apiPath.endSession(id), { reason });
