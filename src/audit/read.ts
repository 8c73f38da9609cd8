// Looking things up in the log: a search for people, newest first, and the whole story of one elevation. What is
// shown comes from the leaf; the columns beside it only find it (verify compares the two).

import { sql } from 'kysely';
import { invalid } from '../base/errors.ts';
import type { Db } from '../db/client.ts';
import { type Leaf, parseLeaf } from './verify/leaf.ts';
import { sentence } from './verify/sentence.ts';

/** Entries in one timeline; the elevation with more is searched by page. */
export const LONGEST_TIMELINE = 1_000;

/** `auditQuery` of src/api/audit.ts, parsed. */
export interface AuditSearch {
  /** A kind, or its first word: `grant` finds every `grant.…`. */
  kind?: string | undefined;
  /** Id or name of a principal. */
  actor?: string | undefined;
  request?: string | undefined;
  grant?: string | undefined;
  session?: string | undefined;
  /** Id or name. */
  target?: string | undefined;
  text?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** `auditEntry` of src/api/audit.ts. */
export interface FoundEntry {
  index: number | null;
  leaf: Leaf;
  /** Lower-case hex. */
  leafHash: string | null;
  sentence: string;
}

export interface FoundEntries {
  items: FoundEntry[];
  nextCursor: string | null;
}

/** One page, newest first. Errors: `invalid-input` for a cursor that is none. */
export async function searchAudit(db: Db, search: AuditSearch): Promise<FoundEntries> {
  const before = parseCursor(search.cursor);
  let query = db.selectFrom('audit_entries').select(['seq', 'index', 'leaf', 'leaf_hash', 'kind', 'at']);
  if (before !== null) query = query.where('seq', '<', before);
  if (search.kind !== undefined) {
    const kind = search.kind;
    query = query.where(({ or, eb }) =>
      or([eb('kind', '=', kind), eb('kind', 'like', `${likeLiteral(kind)}.%`)]),
    );
  }
  if (search.actor !== undefined) {
    const { actor } = search;
    query = query.where(({ or, eb, selectFrom }) =>
      or([
        eb('actor_id', '=', actor),
        eb('actor_id', '=', selectFrom('principals').select('id').where('name', '=', actor)),
      ]),
    );
  }
  if (search.target !== undefined) {
    const { target } = search;
    query = query.where(({ or, eb, selectFrom }) =>
      or([
        eb('target_id', '=', target),
        eb('target_id', '=', selectFrom('targets').select('id').where('name', '=', target)),
      ]),
    );
  }
  if (search.request !== undefined) query = query.where('request_id', '=', search.request);
  if (search.grant !== undefined) query = query.where('grant_id', '=', search.grant);
  if (search.session !== undefined) query = query.where('session_id', '=', search.session);
  if (search.text !== undefined) {
    // The leaf is JSON text, so what is looked for is escaped as it is in there.
    const inside = likeLiteral(JSON.stringify(search.text.toWellFormed()).slice(1, -1));
    query = query.where('leaf', 'ilike', `%${inside}%`);
  }
  if (search.from !== undefined) query = query.where('at', '>=', new Date(search.from));
  if (search.to !== undefined) query = query.where('at', '<', new Date(search.to));
  const rows = await query
    .orderBy('seq', 'desc')
    .limit(search.limit + 1)
    .execute();
  const shown = rows.slice(0, search.limit);
  const last = shown.at(-1);
  return {
    items: shown.map(foundEntry),
    nextCursor: rows.length > search.limit && last !== undefined ? String(last.seq) : null,
  };
}

/**
 * Everything about one elevation, oldest first: request, decision, approvals, grant, sessions, revocation; at
 * most LONGEST_TIMELINE entries. Either id will do; an id that nobody knows gives an empty list.
 */
export async function auditTimeline(
  db: Db,
  of: { requestId: string } | { grantId: string },
): Promise<FoundEntry[]> {
  const requestId = 'requestId' in of ? of.requestId : null;
  const grantId = 'grantId' in of ? of.grantId : null;
  const { rows } = await sql<EntryRow>`
    with elevation as (
      select id as grant_id, request_id from grants where id = ${grantId}::text or request_id = ${requestId}::text
      union select ${grantId}::text, ${requestId}::text
    ), found as (
      select e.seq from audit_entries e join elevation x on e.request_id = x.request_id
      union select e.seq from audit_entries e join elevation x on e.grant_id = x.grant_id
      union select e.seq from audit_entries e
        join sessions s on s.id = e.session_id join elevation x on s.grant_id = x.grant_id
    )
    select e.seq, e.index, e.leaf, e.leaf_hash, e.kind, e.at
    from audit_entries e where e.seq in (select seq from found)
    order by e.seq limit ${LONGEST_TIMELINE}`.execute(db);
  return rows.map(foundEntry);
}

interface EntryRow {
  seq: number;
  index: number | null;
  leaf: string;
  leaf_hash: Buffer | null;
  kind: string;
  at: Date;
}

function foundEntry(row: EntryRow): FoundEntry {
  const leafHash = row.leaf_hash?.toString('hex') ?? null;
  const leaf = parseLeaf(row.leaf);
  if (leaf !== null) return { index: row.index, leaf, leafHash, sentence: sentence(leaf) };
  // Somebody has been at the table. The search must still show it, and say so.
  const actor = { id: 'unknown', name: 'unknown', kind: 'unknown' };
  return {
    index: row.index,
    leaf: { v: 1, at: row.at.toISOString(), kind: row.kind, actor, detail: {} },
    leafHash,
    sentence: 'The text of this entry is damaged: run sally audit verify.',
  };
}

function parseCursor(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^\d{1,15}$/.test(text)) throw invalid('cursor', 'This is not a cursor of this list.');
  return Number(text);
}

function likeLiteral(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&');
}
