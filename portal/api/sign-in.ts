// Ways to sign in: which there are, and how the signed-in person signs in.

import { queryOptions } from '@tanstack/react-query';
import { beginOidcBody, goTo, mySignIn, signInOptions } from '../../src/api/sign-in.ts';
import { get, post } from './client.ts';
import { apiPath } from './paths.ts';

export const signInOptionsQuery = queryOptions({
  queryKey: ['sign-in-options'],
  queryFn: ({ signal }) => get(signInOptions, apiPath.signInOptions(), signal),
  staleTime: 10_000,
  retry: false,
});

export const mySignInQuery = queryOptions({
  queryKey: ['my-sign-in'],
  queryFn: ({ signal }) => get(mySignIn, apiPath.mySignIn(), signal),
});

/** Leaves for the provider; `next` is a path of this portal. */
export async function goToProvider(next: string | undefined): Promise<void> {
  // What the server would not lead back to is left out: signing in matters more.
  const wanted = beginOidcBody.safeParse({ next });
  const { url } = await post(goTo, apiPath.signInOidc(), wanted.success ? wanted.data : {});
  window.location.assign(url);
}

/** The same to link one's account there. */
export async function linkProvider(): Promise<void> {
  const { url } = await post(goTo, apiPath.mySignInOidc(), { next: '/my-sign-in' });
  window.location.assign(url);
}
