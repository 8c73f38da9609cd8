// Grants: what is open, its credentials, its end, its receipt.

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { type Grant, grant, type IssuedCredential, issuedCredential, receipt } from '../../src/api/grants.ts';
import { pageOf } from '../../src/api/text.ts';
import { get, post } from './client.ts';
import { apiPath } from './paths.ts';

const PAGE = 20;
const LARGEST_PAGE = 200;
const grantPage = pageOf(grant);

export type GrantView = 'mine' | 'all';

export const liveGrantsQuery = (view: GrantView) =>
  queryOptions({
    queryKey: ['grants', 'live', view],
    queryFn: async ({ signal }) =>
      (await get(grantPage, apiPath.grants({ view, state: 'live', limit: LARGEST_PAGE }), signal)).items,
  });

export const overdueGrantsQuery = queryOptions({
  queryKey: ['grants', 'overdue'],
  queryFn: async ({ signal }) =>
    (await get(grantPage, apiPath.grants({ view: 'all', state: 'overdue', limit: PAGE }), signal)).items,
  // Overdue is a matter of time passing, of which no hint is sent.
  refetchInterval: 20_000,
});

export const pastGrantsPages = (view: GrantView) =>
  infiniteQueryOptions({
    queryKey: ['grants', 'past', view],
    queryFn: ({ pageParam, signal }) =>
      get(
        grantPage,
        apiPath.grants({
          view,
          state: 'revoked',
          limit: PAGE,
          ...(pageParam === '' ? {} : { cursor: pageParam }),
        }),
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor,
  });

export const receiptQuery = (grantId: string) =>
  queryOptions({
    queryKey: ['receipts', grantId],
    queryFn: ({ signal }) => get(receipt, apiPath.receipt(grantId), signal),
  });

export const issueCredential = (id: string): Promise<IssuedCredential> =>
  post(issuedCredential, apiPath.credentials(id));
export const extend = (id: string, duration: string, reason: string): Promise<Grant> =>
  post(grant, apiPath.extend(id), { duration, reason });
export const done = (id: string): Promise<Grant> => post(grant, apiPath.done(id));
export const revoke = (id: string, reason: string): Promise<Grant> =>
  post(grant, apiPath.revoke(id), { reason });

export const grantQuery = (id: string) =>
  queryOptions({
    queryKey: ['grants', 'one', id],
    queryFn: ({ signal }) => get(grant, apiPath.grant(id), signal),
  });
