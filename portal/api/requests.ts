// Requests: asking, looking, deciding.

import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import {
  type BundleBody,
  type ExplainBody,
  type PreviewBody,
  preview,
  type RequestState,
  request,
  type SubmitBody,
  type Submitted,
  submitted,
} from '../../src/api/requests.ts';
import { pageOf } from '../../src/api/text.ts';
import { get, post } from './client.ts';
import { apiPath } from './paths.ts';

// Long enough for a login to be made on a nearby target, short enough that nobody wonders.
const SUBMIT_WAIT_SECONDS = 4;
const PAGE = 25;
const requestPage = pageOf(request);

export type RequestView = 'mine' | 'approvals' | 'all';

export const requestsQuery = (view: RequestView, state?: RequestState, limit = PAGE) =>
  queryOptions({
    queryKey: ['requests', 'list', view, state ?? 'any', limit],
    queryFn: ({ signal }) =>
      get(requestPage, apiPath.requests({ view, limit, ...(state === undefined ? {} : { state }) }), signal),
  });

export const requestsPages = (view: RequestView, state?: RequestState) =>
  infiniteQueryOptions({
    queryKey: ['requests', 'pages', view, state ?? 'any'],
    queryFn: ({ pageParam, signal }) =>
      get(
        requestPage,
        apiPath.requests({
          view,
          limit: PAGE,
          ...(state === undefined ? {} : { state }),
          ...cursorOf(pageParam),
        }),
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor,
  });

/** One request with its grant. Reading it tells the others that it was looked at. */
export const requestQuery = (id: string) =>
  queryOptions({
    queryKey: ['requests', 'one', id],
    queryFn: ({ signal }) => get(submitted, apiPath.request(id), signal),
  });

/** The decision as it would be now. */
export const previewQuery = (body: PreviewBody | null) =>
  queryOptions({
    queryKey: ['preview', body],
    queryFn: ({ signal }) => post(preview, apiPath.preview(), body, signal),
    enabled: body !== null,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
    retry: false,
  });

/** The decision for anybody, at any time, from anywhere. */
export const explainQuery = (body: ExplainBody | null) =>
  queryOptions({
    queryKey: ['preview', 'explain', body],
    queryFn: ({ signal }) => post(preview, apiPath.explain(), body, signal),
    enabled: body !== null,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
    retry: false,
  });

export const submit = (body: SubmitBody): Promise<Submitted> =>
  post(submitted, apiPath.submit(SUBMIT_WAIT_SECONDS), body);
export const submitBundle = (body: BundleBody): Promise<Submitted> =>
  post(submitted, apiPath.submitBundle(SUBMIT_WAIT_SECONDS), body);
export const approve = (id: string, body: { duration?: string; digest: string }): Promise<Submitted> =>
  post(submitted, apiPath.approve(id), body);
export const deny = (id: string, reason: string): Promise<Submitted> =>
  post(submitted, apiPath.deny(id), { reason });
export const cancel = (id: string): Promise<Submitted> => post(submitted, apiPath.cancel(id));

const cursorOf = (cursor: string) => (cursor === '' ? {} : { cursor });
