// The log: entries, one elevation's entries, the newest checkpoint.

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { type AuditEntry, auditEntry, checkpoint } from '../../src/api/audit.ts';
import { pageOf } from '../../src/api/text.ts';
import { get } from './client.ts';
import { apiPath } from './paths.ts';

const PAGE = 50;
const LARGEST_PAGE = 200;
const entryPage = pageOf(auditEntry);

export interface AuditSearch {
  text?: string | undefined;
  kind?: string | undefined;
  actor?: string | undefined;
  target?: string | undefined;
  session?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export const auditPages = (search: AuditSearch) =>
  infiniteQueryOptions({
    queryKey: ['audit', 'pages', search],
    queryFn: ({ pageParam, signal }) =>
      get(entryPage, apiPath.auditEntries({ ...search, limit: PAGE, cursor: pageParam }), signal),
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor,
  });

/** Every entry of one elevation, oldest first. Entries that name only the grant are joined in. */
export const elevationEntriesQuery = (requestId: string, grantId: string | null) =>
  queryOptions({
    queryKey: ['audit', 'elevation', requestId, grantId],
    queryFn: async ({ signal }): Promise<AuditEntry[]> => {
      const ask = (query: Record<string, string>) =>
        get(entryPage, apiPath.auditEntries({ ...query, limit: LARGEST_PAGE }), signal);
      const pages = await Promise.all([
        ask({ request: requestId }),
        ...(grantId === null ? [] : [ask({ grant: grantId })]),
      ]);
      const joined = new Map<string, AuditEntry>();
      for (const entry of pages.flatMap((page) => page.items)) joined.set(JSON.stringify(entry.leaf), entry);
      return [...joined.values()].sort(
        (a, b) => (a.index ?? Infinity) - (b.index ?? Infinity) || a.leaf.at.localeCompare(b.leaf.at),
      );
    },
  });

export const checkpointQuery = queryOptions({
  queryKey: ['audit', 'checkpoint'],
  queryFn: ({ signal }) => get(checkpoint, apiPath.checkpoint(), signal),
});
