// Grants that are not where they should be: each with since when, why, what is tried next and when, and what a person
// can do about it.

import { type Selectable, sql } from 'kysely';
import type { GrantNode, GrantState } from '../api/grants.ts';
import type { Trouble } from '../api/health.ts';
import type { Db } from '../db/client.ts';
import type { Tables } from '../db/tables.ts';
import { alterationsOf } from '../grants/alterations.ts';
import { NODES_AS_JSON, OVERDUE_SECONDS } from '../grants/grant-view.ts';
import { grantState } from '../grants/transitions.ts';

/** A step that takes this long is on its way, and no trouble yet. */
const ON_ITS_WAY_SECONDS = 5;

type Row = Selectable<Tables['grants']> & {
  principal: string;
  target: string;
  task: string;
  overdue: boolean;
  underWay: boolean;
  targetFailing: string | null;
  nodes: GrantNode[] | null;
};

/** The worst and oldest first, at most `most`. */
export async function lateGrants(db: Db, most: number): Promise<{ troubles: Trouble[]; all: number }> {
  const { rows } = await sql<Row & { all: number }>`
    select g.*, p.name as principal, t.name as target, k.name as task, count(*) over ()::int as all,
      g.wanted = 'absent' and g.observed in ('unknown', 'present')
        and g.ended_at < now() - make_interval(secs => ${OVERDUE_SECONDS}) as overdue,
      coalesce(g.lease_until > now(), false) as "underWay",
      (select n.last_error from target_nodes n
        where n.target_id = g.target_id and n.role = 'primary' and n.failing_since is not null) as "targetFailing",
      (select ${NODES_AS_JSON} from grant_nodes n where n.grant_id = g.id) as nodes
    from grants g join principals p on p.id = g.principal_id join targets t on t.id = g.target_id
      join tasks k on k.id = g.task_id
    where (g.wanted = 'present' and g.observed = 'unknown' and coalesce(g.starts_at <= now(), true)
        and (g.last_error is not null
          or greatest(g.created_at, g.starts_at) < now() - make_interval(secs => ${ON_ITS_WAY_SECONDS})))
      or (g.wanted = 'absent' and g.observed in ('unknown', 'present')
        and (g.last_error is not null or g.ended_at < now() - make_interval(secs => ${ON_ITS_WAY_SECONDS})))
      or (g.wanted = 'absent' and g.observed = 'inert')
      or (g.wanted = 'present' and g.observed = 'present' and g.altered is not null)
    order by overdue desc, (g.wanted = 'absent' and g.observed <> 'inert') desc, coalesce(g.ended_at, g.created_at)
    limit ${most}`.execute(db);
  return { troubles: rows.map(troubleOf), all: rows[0]?.all ?? 0 };
}

function troubleOf(row: Row): Trouble {
  const state = grantState(row);
  const tried = state === 'active' ? null : nextOf(row, state);
  const altered = alterationsOf(row);
  return {
    kind: 'grant',
    severity: state === 'revoking' || altered.some((one) => one.kind === 'wider') ? 'bad' : 'warn',
    what: `${row.principal} · ${row.task} on ${row.target}: ${WHAT[state]}${row.overdue ? ', and overdue' : ''}.`,
    since: (state === 'active' ? row.activated_at : (row.ended_at ?? row.created_at))?.toISOString() ?? null,
    why: state === 'active' ? altered.map((one) => one.what).join(' ') : row.last_error,
    next: tried,
    nextAt: tried === null || row.underWay ? null : row.next_attempt_at.toISOString(),
    do: whatToDo(row, state),
    grant: {
      id: row.id,
      requestId: row.request_id,
      principal: row.principal,
      target: row.target,
      task: row.task,
      state,
      overdue: row.overdue,
      attempts: row.attempts,
      nodes: row.nodes ?? [],
    },
    target: row.target,
    node: (row.nodes ?? []).find((one) => one.observed === 'unknown' || one.error !== null)?.node ?? null,
  };
}

const WHAT: Record<GrantState, string> = {
  planned: 'not started',
  granting: 'not made yet',
  active: 'changed by hand on the target',
  revoking: 'not confirmed gone',
  'cleanup-pending': 'over, but its identity is still to be removed',
  revoked: 'over',
};

function nextOf(row: Row, state: GrantState): string {
  const act =
    state === 'granting' ? 'making it' : state === 'revoking' ? 'ending it' : 'removing what is left';
  return row.underWay
    ? `Attempt ${row.attempts} at ${act} is under way.`
    : `Attempt ${row.attempts + 1} at ${act}.`;
}

function whatToDo(row: Row, state: GrantState): string {
  if (state === 'active')
    return alterationsOf(row).every((one) => one.kind === 'renewable')
      ? 'Nothing: it is put right at the next patrol. Ask who changed it.'
      : 'It can do less than was granted, and is left so. If it should work as before, give it back and ask anew.';
  if (row.targetFailing !== null)
    return `Mend the target first (see ${row.target} below); the attempts go on by themselves.`;
  const silent = (row.nodes ?? []).filter((one) => one.observed === 'unknown' && one.error !== null);
  if (silent.length > 0)
    return `Bring ${silent.map((one) => one.node).join(', ')} back, or take it out of the target: sally target nodes ${row.target} …`;
  if (state === 'cleanup-pending')
    return 'Nothing can be done with it any more. Do what the target names, or wait: it is removed as soon as that is possible.';
  if (state === 'granting') return `Look at what the target says: sally target check ${row.target}`;
  return row.last_error === null
    ? 'Wait: the first attempts are under way.'
    : `Do what the target names, or run: sally target check ${row.target}`;
}
