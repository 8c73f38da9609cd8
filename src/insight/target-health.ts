// Targets as the patrol last found them, node by node, and what to do about one that does not answer as it should.

import { sql } from 'kysely';
import type { TargetHealth, Trouble } from '../api/health.ts';
import type { Db } from '../db/client.ts';

/** lifecycle.md: more than this is told. */
const MOST_SKEW_SECONDS = 5;
/** A patrol comes every 30 s; after this nobody patrols. */
const UNSEEN_SECONDS = 180;
const MOST_TARGETS = 1_000;

interface Row extends TargetHealth {
  /** Of each node, in the same order: what kind of failure it was. */
  codes: (string | null)[] | null;
  unseen: boolean;
}

export async function targetHealth(db: Db): Promise<{ targets: TargetHealth[]; troubles: Trouble[] }> {
  const at = (column: string) =>
    sql.raw(`to_char(n.${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`);
  const { rows } = await sql<Row>`
    select t.name, t.segment,
      (select count(*)::int from grants g where g.target_id = t.id and g.wanted = 'present' and g.observed = 'present')
        as "activeGrants",
      (select count(*)::int from grants g where g.target_id = t.id and ((g.wanted = 'absent' and g.observed <> 'absent')
        or (g.wanted = 'present' and g.observed = 'unknown' and coalesce(g.starts_at <= now(), true)))) as "stepsWaiting",
      coalesce((select json_agg(json_build_object('node', n.node, 'role', n.role, 'lastContactAt', ${at('last_contact_at')},
        'failingSince', ${at('failing_since')}, 'lastError', n.last_error, 'clockSkewSeconds', n.clock_skew_s,
        'lookedAt', ${at('looked_at')}) order by n.role, n.node)
        from target_nodes n where n.target_id = t.id), '[]') as nodes,
      (select json_agg(n.last_error_code order by n.role, n.node) from target_nodes n where n.target_id = t.id) as codes,
      coalesce((select max(n.looked_at) from target_nodes n where n.target_id = t.id), t.created_at)
        < now() - make_interval(secs => ${UNSEEN_SECONDS}) as unseen
    from targets t order by t.segment, t.name limit ${MOST_TARGETS}`.execute(db);
  return {
    targets: rows.map(({ codes: _, unseen: __, ...target }) => target),
    troubles: rows.flatMap(troublesOf),
  };
}

function troublesOf(row: Row): Trouble[] {
  const found = row.nodes.flatMap((node, place): Trouble[] => {
    const named = { kind: 'target' as const, grant: null, target: row.name, node: node.node };
    if (node.failingSince !== null)
      return [
        {
          ...named,
          severity: 'bad',
          what: `${row.name} cannot be worked with: ${node.role} ${node.node} does not answer as it should.`,
          since: node.failingSince,
          why: node.lastError,
          next: 'Every patrol asks it again, and so does each grant that waits for it.',
          nextAt: null,
          do: whatToDo(row.name, node.role, row.codes?.[place] ?? null),
        },
      ];
    if ((node.clockSkewSeconds ?? 0) > MOST_SKEW_SECONDS)
      return [
        {
          ...named,
          severity: 'warn',
          what: `The clock of ${row.name} (${node.node}) is ${(node.clockSkewSeconds ?? 0).toFixed(1)} s away from this machine’s.`,
          since: null,
          why: 'Its own expiry shuts the door that much too early or too late; Sallyport’s deadline does not move.',
          next: null,
          nextAt: null,
          do: 'Synchronise both machines (chrony or systemd-timesyncd).',
        },
      ];
    return [];
  });
  return row.unseen ? [...found, unseen(row)] : found;
}

const unseen = (row: Row): Trouble => ({
  kind: 'target',
  severity: 'bad',
  what: `Nobody has looked at ${row.name} for more than ${UNSEEN_SECONDS / 60} minutes.`,
  since: row.nodes[0]?.lookedAt ?? null,
  why: 'No worker patrols: orphans and changes by hand would not be seen.',
  next: null,
  nextAt: null,
  do: 'See that a replica with the role worker runs.',
  grant: null,
  target: row.name,
  node: null,
});

function whatToDo(target: string, role: 'primary' | 'standby', code: string | null): string {
  if (code === 'target-login-failed')
    return `Its administrator’s password was changed, or its login shut. Give the new one: sally target credential ${target}`;
  if (code === 'target-down' || code === 'target-aborted')
    return role === 'primary'
      ? 'Bring the server back. Sessions through the gateway are cut at their deadline all the same.'
      : `Bring the standby back, or take it out of the target: sally target nodes ${target} …`;
  if (code === 'target-node-not-standby' || code === 'target-node-other-cluster')
    return `Name the right nodes: sally target nodes ${target} …`;
  return `Find out more: sally target check ${target}`;
}
