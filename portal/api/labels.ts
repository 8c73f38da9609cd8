// Labels of a target's columns.

import { queryOptions } from '@tanstack/react-query';
import {
  type ColumnLabel,
  labelList,
  type SetLabelsBody,
  type SuggestedLabels,
  suggestedLabels,
} from '../../src/api/labels.ts';
import { get, post } from './client.ts';
import { apiPath } from './paths.ts';
import { queries } from './query-client.ts';

export const labelsQuery = (name: string) =>
  queryOptions({
    queryKey: ['targets', 'labels', name],
    queryFn: async ({ signal }) => (await get(labelList, apiPath.targetLabels(name), signal)).items,
  });

export async function setLabels(name: string, labels: SetLabelsBody['labels']): Promise<ColumnLabel[]> {
  const { items } = await post(labelList, apiPath.targetLabels(name), { labels });
  queries.setQueryData(labelsQuery(name).queryKey, items);
  return items;
}

/** `sample` no: by names alone. */
export const suggestLabels = (name: string, sample: 'yes' | 'no'): Promise<SuggestedLabels> =>
  post(suggestedLabels, apiPath.suggestLabels(name, sample));
