// Policies in force, as sentences.

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { type PolicyQuery, policyPage } from '../../src/api/policies.ts';
import { get } from './client.ts';
import { apiPath } from './paths.ts';

export type PolicySearch = Partial<Pick<PolicyQuery, 'id' | 'text' | 'segment' | 'group' | 'action'>>;

const PAGE = 40;

export const policyPages = (search: PolicySearch) =>
  infiniteQueryOptions({
    queryKey: ['policies', 'pages', search],
    queryFn: ({ pageParam, signal }) =>
      get(policyPage, apiPath.policies({ ...search, limit: PAGE, cursor: pageParam }), signal),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor,
    staleTime: 15_000,
  });

/** One policy by its id; null where it is not in force. */
export const policyByIdQuery = (id: string) =>
  queryOptions({
    queryKey: ['policies', 'one', id],
    queryFn: async ({ signal }) =>
      (await get(policyPage, apiPath.policies({ id, limit: 1 }), signal)).items[0] ?? null,
    staleTime: 60_000,
  });

/** The groups and segments that policies in force name, to choose from. */
export const policyNamesQuery = queryOptions({
  queryKey: ['policies', 'names'],
  queryFn: async ({ signal }) => {
    const { groups, segments } = await get(policyPage, apiPath.policies({ limit: 1 }), signal);
    return { groups, segments };
  },
  staleTime: 60_000,
});
