// Break-glass: what is broken now, its reviews, drills and emergency kits.

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import {
  type BreakGlassBody,
  type BrokenGlassAnswer,
  brokenGlassAnswer,
  brokenGlassList,
  drillList,
  type Review,
  review,
  reviewPage,
  type Verdict,
} from '../../src/api/break-glass.ts';
import { type KitShare, kitList, kitShare } from '../../src/api/kits.ts';
import { get, post } from './client.ts';
import { apiPath } from './paths.ts';

const WAIT_SECONDS = 30;
const PAGE = 20;

export const brokenGlassQuery = queryOptions({
  queryKey: ['broken-glass'],
  queryFn: ({ signal }) => get(brokenGlassList, apiPath.breakGlass(), signal),
  // A review becomes overdue as time passes, of which no hint is sent.
  refetchInterval: 30_000,
});

export const reviewPages = (state?: 'open' | 'decided') =>
  infiniteQueryOptions({
    queryKey: ['reviews', 'list', state ?? 'all'],
    queryFn: ({ pageParam, signal }) =>
      get(
        reviewPage,
        apiPath.reviews({
          limit: PAGE,
          ...(state === undefined ? {} : { state }),
          ...(pageParam === '' ? {} : { cursor: pageParam }),
        }),
        signal,
      ),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor,
  });

export const reviewQuery = (id: string) =>
  queryOptions({
    queryKey: ['reviews', 'one', id],
    queryFn: ({ signal }) => get(review, apiPath.review(id), signal),
  });

export const kitsQuery = queryOptions({
  queryKey: ['kits'],
  queryFn: ({ signal }) => get(kitList, apiPath.kits(), signal),
});

export const drillsQuery = queryOptions({
  queryKey: ['drills'],
  queryFn: ({ signal }) => get(drillList, apiPath.drills(), signal),
});

export const breakGlass = (body: BreakGlassBody): Promise<BrokenGlassAnswer> =>
  post(brokenGlassAnswer, apiPath.breakGlass(WAIT_SECONDS), body);
export const decideReview = (id: string, verdict: Verdict, comment: string): Promise<Review> =>
  post(review, apiPath.decideReview(id), { verdict, comment });
export const takeShare = (id: string): Promise<KitShare> => post(kitShare, apiPath.kitShare(id));
