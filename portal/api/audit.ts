// The log: entries, one elevation's entries, the newest checkpoint.

import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import type { z } from 'zod';
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

/** Of a request or one of its grants; who has more looks in the log itself. */
const MOST_PAGES = 5;

/** All pages, up to the limit; `cut` tells that there are older ones. */
async function everyEntry(
  query: Record<string, string>,
  signal: AbortSignal,
): Promise<{ items: AuditEntry[]; cut: boolean }> {
  const items: AuditEntry[] = [];
  let cursor: string | null = '';
  for (let page = 0; cursor !== null && page < MOST_PAGES; page++) {
    const asked = { ...query, limit: LARGEST_PAGE, ...(cursor === '' ? {} : { cursor }) };
    const found: z.output<typeof entryPage> = await get(entryPage, apiPath.auditEntries(asked), signal);
    items.push(...found.items);
    cursor = found.nextCursor;
  }
  return { items, cut: cursor !== null };
}

/** Entries of one elevation with all its grants, oldest first. Entries that name only a grant are joined in. */
export const elevationEntriesQuery = (requestId: string, grantIds: string[]) =>
  queryOptions({
    queryKey: ['audit', 'elevation', requestId, grantIds],
    queryFn: async ({ signal }): Promise<{ entries: AuditEntry[]; cut: boolean }> => {
      const found = [await everyEntry({ request: requestId }, signal)];
      for (const grant of grantIds) found.push(await everyEntry({ grant }, signal));
      const joined = new Map<string, AuditEntry>();
      for (const entry of found.flatMap(({ items }) => items)) joined.set(JSON.stringify(entry.leaf), entry);
      const entries = [...joined.values()].sort(
        (a, b) => (a.index ?? Infinity) - (b.index ?? Infinity) || a.leaf.at.localeCompare(b.leaf.at),
      );
      return { entries, cut: found.some(({ cut }) => cut) };
    },
  });

export const checkpointQuery = queryOptions({
  queryKey: ['audit', 'checkpoint'],
  queryFn: ({ signal }) => get(checkpoint, apiPath.checkpoint(), signal),
});
