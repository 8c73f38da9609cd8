// The tree of segments, and who reaches what below one.

import { queryOptions } from '@tanstack/react-query';
import { reach, segmentList } from '../../src/api/segments.ts';
import { get } from './client.ts';
import { apiPath } from './paths.ts';

export const segmentsQuery = queryOptions({
  queryKey: ['segments'],
  queryFn: async ({ signal }) => (await get(segmentList, apiPath.segments(), signal)).items,
  staleTime: 10_000,
});

/** Costs the server some thousand decisions at most, so it is kept for a while. */
export const reachQuery = (segment: string) =>
  queryOptions({
    queryKey: ['reach', segment],
    queryFn: ({ signal }) => get(reach, apiPath.reach(segment), signal),
    staleTime: 60_000,
    retry: false,
  });
