// The loop's figures.

import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { insights } from '../../src/api/insights.ts';
import { get } from './client.ts';
import { apiPath } from './paths.ts';

export const insightsQuery = (days: number) =>
  queryOptions({
    queryKey: ['insights', days],
    queryFn: ({ signal }) => get(insights, apiPath.insights(days), signal),
    placeholderData: keepPreviousData,
  });
