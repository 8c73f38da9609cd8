// How answers are kept: shown at once from memory, asked for again in the background, and never retried when the
// server has said no.

import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { ApiFailure, isUnauthenticated } from './failure.ts';
import { meQuery } from './people.ts';

const MOST_RETRIES = 2;

const again = (failures: number, error: unknown): boolean =>
  failures < MOST_RETRIES && error instanceof ApiFailure && (error.status >= 500 || error.status === 0);

// A 401 anywhere means that the sign-in has ended: asking who is signed in leads to the sign-in page.
function onError(error: unknown): void {
  if (isUnauthenticated(error)) void queries.invalidateQueries({ queryKey: meQuery.queryKey });
}

export const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: (error, query) => query.queryKey[0] !== 'me' && onError(error) }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: { retry: again, staleTime: 2_000, refetchOnWindowFocus: true, networkMode: 'always' },
    mutations: { retry: false, networkMode: 'always' },
  },
});
