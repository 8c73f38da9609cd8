// What the reader was told.

import { queryOptions } from '@tanstack/react-query';
import { noticePage, readNotices } from '../../src/api/notices.ts';
import { get, post } from './client.ts';
import { apiPath } from './paths.ts';

const MOST_SHOWN = 100;

export const noticesQuery = queryOptions({
  queryKey: ['notices'],
  queryFn: ({ signal }) => get(noticePage, apiPath.notices({ limit: MOST_SHOWN }), signal),
});

export const markRead = (ids?: string[]): Promise<{ read: number }> =>
  post(readNotices, apiPath.readNotices(), ids === undefined ? {} : { ids });
