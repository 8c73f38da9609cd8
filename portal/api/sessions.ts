// Sessions and their recordings.

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { type Session, session, sessionDetail } from '../../src/api/sessions.ts';
import { pageOf } from '../../src/api/text.ts';
import { get, post } from './client.ts';
import { apiPath } from './paths.ts';

const PAGE = 25;
const STATEMENTS_PAGE = 200;
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
  });

export const endSession = (id: string, reason: string): Promise<Session> =>
  post(session, apiPath.endSession(id), { reason });
