// Who is signed in, and signing in and out.

import { queryOptions } from '@tanstack/react-query';
import { z } from 'zod';
import { demoPeople, type Me, me, principal } from '../../src/api/people.ts';
import { get, post, postForNothing } from './client.ts';
import { isNotFound } from './failure.ts';
import { apiPath } from './paths.ts';

const principalList = z.object({ items: z.array(principal) });

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => get(me, apiPath.me(), signal),
  staleTime: 60_000,
  retry: false,
});

/** The demo's people, or null where this is no demo. */
export const demoPeopleQuery = queryOptions({
  queryKey: ['demo-people'],
  queryFn: async ({ signal }) => {
    try {
      return (await get(demoPeople, apiPath.demoPeople(), signal)).people;
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  },
  staleTime: Number.POSITIVE_INFINITY,
  retry: false,
});

/** Everybody; for administrators only. */
export const principalsQuery = queryOptions({
  queryKey: ['principals'],
  queryFn: async ({ signal }) => (await get(principalList, apiPath.principals(), signal)).items,
  staleTime: 60_000,
  retry: false,
});

export const signIn = (token: string): Promise<Me> => post(me, apiPath.signIn(), { token });
export const demoSignIn = (person: string): Promise<Me> => post(me, apiPath.demoSignIn(), { person });
export const signOut = (): Promise<void> => postForNothing(apiPath.signOut());
