// Grants as the API shows them: one query for a page, the state derived, never stored.

import { type RawBuilder, sql } from 'kysely';
import type { z } from 'zod';
import type { Grant, GrantNode, grantQuery } from '../api/grants.ts';
import { notFound } from '../base/errors.ts';
import { alterationsOf } from './alterations.ts';
import type { GrantsContext } from './context.ts';
import type { GrantRow } from './lease.ts';
import { mayAdminister, seesEverything } from './platform-rights.ts';
import type { Caller } from './submit.ts';
import { grantState } from './transitions.ts';
import { mayReadGrant } from './visibility.ts';

/** A revocation that the target has not confirmed by then is overdue: told once, loudly. */
export const OVERDUE_SECONDS = 60;

/** What a view calls the parts of a grant. */
export interface GrantNames {
  principal_name: string;
  display_name: string;
  principal_kind: 'person' | 'service' | 'agent';
  target: string;
  segment: string;
  task_name: string;
}

/** A grant with what its view shows besides. */
export interface GrantViewRow extends GrantRow, GrantNames {
  live_sessions: number;
  /** null: the target has one node. */
  nodes: GrantNode[] | null;
  overdue: boolean;
  /** Its start is still to come. */
  planned: boolean;
  break_glass: 'real' | 'drill' | null;
  /** More time that waits for approval. */
  extension?: { requestId: string; durationSeconds: number } | null;
}

/** With principals as `p`, targets as `t` and tasks as `k`. */
export const NAME_COLUMNS = sql`p.name as principal_name, p.display_name, p.kind as principal_kind, t.name as target,
  t.segment, k.name as task_name`;
/** Of the grant `g`. */
export const LIVE_SESSIONS = sql`(select count(*) from sessions s where s.grant_id = g.id and s.ended_at is null)`;

/** Rows of grant_nodes as `n`, as people see them. */
export const NODES_AS_JSON = sql`json_agg(json_build_object('node', n.node, 'role', n.role, 'observed', n.observed,
  'since', to_char(n.since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'error', n.error) order by n.role, n.node)`;
/** Whether the grant `g` came by break-glass: its review says so, which is written with it. */
export const BREAK_GLASS = sql`(select case when v.drill_id is null then 'real' else 'drill' end
  from reviews v where v.grant_id = g.id)`;

export function namesOf(row: GrantNames): GrantNames {
  const { principal_name, display_name, principal_kind, target, segment, task_name } = row;
  return { principal_name, display_name, principal_kind, target, segment, task_name };
}

/** All grants as `g`, with what their views show; conditions may follow. */
function selectGrantViews(): RawBuilder<GrantViewRow> {
  return sql<GrantViewRow>`
    select g.*, ${NAME_COLUMNS}, ${LIVE_SESSIONS} as live_sessions, ${BREAK_GLASS} as break_glass,
      (select ${NODES_AS_JSON} from grant_nodes n where n.grant_id = g.id) as nodes,
      g.wanted = 'absent' and g.observed in ('unknown', 'present')
        and g.ended_at < now() - make_interval(secs => ${OVERDUE_SECONDS}) as overdue,
      coalesce(g.starts_at > now(), false) as planned,
      (select json_build_object('requestId', e.id, 'durationSeconds', e.duration_s) from requests e
        where e.extends_grant = g.id and e.state = 'pending') as extension
    from grants g join principals p on p.id = g.principal_id join targets t on t.id = g.target_id
      join tasks k on k.id = g.task_id`;
}

export async function loadGrant(
  ctx: Pick<GrantsContext, 'db'>,
  grantId: string,
): Promise<GrantViewRow | undefined> {
  const { rows } = await sql<GrantViewRow>`${selectGrantViews()} where g.id = ${grantId}`.execute(ctx.db);
  return rows[0];
}

export function grantFrom(row: GrantViewRow, caller: Caller, administers: () => boolean): Grant {
  const report = row.report as { blockers?: string[] } | null;
  const state = grantState(row);
  return {
    id: row.id,
    requestId: row.request_id,
    state,
    principal: {
      id: row.principal_id,
      name: row.principal_name,
      displayName: row.display_name,
      kind: row.principal_kind,
    },
    target: row.target,
    task: row.task_name,
    segment: row.segment,
    login: row.login,
    durationSeconds: row.duration_s,
    createdAt: row.created_at.toISOString(),
    startsAt: row.starts_at?.toISOString() ?? null,
    activatedAt: row.activated_at?.toISOString() ?? null,
    expiresAt: row.expires_at?.toISOString() ?? null,
    endedAt: row.ended_at?.toISOString() ?? null,
    endReason: row.end_reason,
    absentAt: row.absent_at?.toISOString() ?? null,
    overdue: row.overdue,
    lastError: row.last_error,
    blockers: report?.blockers ?? [],
    altered: alterationsOf(row).map((one) => one.what),
    nodes: row.nodes ?? [],
    liveSessions: row.live_sessions,
    breakGlass: row.break_glass,
    use: row.session_use,
    claimBy: row.claim_s !== null && row.claimed_at === null ? (row.expires_at?.toISOString() ?? null) : null,
    landingSeconds: row.landing_s,
    extension: row.extension ?? null,
    mayEnd: row.wanted === 'present' && (row.principal_id === caller.principal.id || administers()),
  };
}

/** Errors: `unknown-grant`, also for one that the caller may not see. */
export async function viewGrant(ctx: GrantsContext, caller: Caller, grantId: string): Promise<Grant> {
  const row = await loadGrant(ctx, grantId);
  if (row === undefined) throw notFound('grant', grantId);
  const own = row.principal_id === caller.principal.id || seesEverything(ctx, caller);
  if (!own && !(await mayReadGrant(ctx, caller, grantId))) throw notFound('grant', grantId);
  return grantFrom(row, caller, () => mayAdminister(ctx, caller));
}

/** The grants of a request (several of a bundle, in their order), as the request's own reader sees them. */
export async function viewGrantsOfRequest(
  ctx: GrantsContext,
  caller: Caller,
  requestId: string,
): Promise<Grant[]> {
  const { rows } = await sql<GrantViewRow>`${selectGrantViews()} where g.id in (
    select id from grants where request_id = ${requestId}
    union all select extends_grant from requests where id = ${requestId}) order by g.id`.execute(ctx.db);
  return rows.map((row) => grantFrom(row, caller, () => mayAdminister(ctx, caller)));
}

/** Newest first. Those who administer or audit see all; everyone else sees their own. */
export async function listGrants(
  ctx: GrantsContext,
  caller: Caller,
  query: z.infer<typeof grantQuery>,
): Promise<{ items: Grant[]; nextCursor: string | null }> {
  const mine = query.view === 'mine' || !seesEverything(ctx, caller);
  const conditions = [
    ...(mine ? [sql`g.principal_id = ${caller.principal.id}`] : []),
    ...(query.cursor === undefined ? [] : [sql`g.id < ${query.cursor}`]),
    ...(query.state === undefined ? [] : [STATE_CONDITIONS[query.state]]),
    sql`true`,
  ];
  const { rows } = await sql<GrantViewRow>`
    ${selectGrantViews()} where ${sql.join(conditions, sql` and `)}
    order by g.id desc limit ${query.limit + 1}`.execute(ctx.db);
  let asked: boolean | null = null;
  const administers = () => (asked ??= mayAdminister(ctx, caller));
  const items = rows.slice(0, query.limit).map((row) => grantFrom(row, caller, administers));
  return { items, nextCursor: rows.length > query.limit ? (items.at(-1)?.id ?? null) : null };
}

// Each in parentheses of its own: they are joined with AND to who may see what.
const STATE_CONDITIONS = {
  planned: sql<boolean>`(g.wanted = 'present' and g.observed = 'unknown' and coalesce(g.starts_at > now(), false))`,
  granting: sql<boolean>`(g.wanted = 'present' and coalesce(g.starts_at <= now(), true)
    and (g.observed = 'unknown' or (g.observed = 'present' and g.activated_at is null)))`,
  active: sql<boolean>`(g.wanted = 'present' and g.observed = 'present' and g.activated_at is not null)`,
  revoking: sql<boolean>`(g.wanted = 'absent' and g.observed in ('unknown', 'present'))`,
  'cleanup-pending': sql<boolean>`(g.wanted = 'absent' and g.observed = 'inert')`,
  revoked: sql<boolean>`(g.wanted = 'absent' and g.observed = 'absent')`,
  live: sql<boolean>`(g.wanted = 'present' or g.observed <> 'absent')`,
  overdue: sql<boolean>`(g.wanted = 'absent' and g.observed in ('unknown', 'present')
    and g.ended_at < now() - make_interval(secs => ${OVERDUE_SECONDS}))`,
};
