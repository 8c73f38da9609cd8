// Whether each target answers, node by node, as the patrol finds it: kept in the store, so that every replica and the
// health page say the same.

import { sql } from 'kysely';
import { Failure } from '../base/errors.ts';
import type { NodeHealth } from '../connectors/contract.ts';
import type { Db } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { Targets } from '../targets/targets.ts';
import type { GrantsContext } from './context.ts';
import { cutError } from './grant-nodes.ts';

export type TargetClient = Awaited<ReturnType<Targets['open']>>;

/** Asks every node and keeps what it says. Errors: Failure `target-down` when the primary is not what it should be. */
export async function lookAtNodes(
  ctx: GrantsContext,
  targetId: string,
  client: TargetClient,
  signal: AbortSignal,
): Promise<void> {
  const nodes = await client.nodes(signal);
  if (await keepNodes(ctx.db, targetId, nodes)) await publish(ctx.db, { topic: 'targets', id: targetId });
  const wrong = nodes.find((one) => one.role === 'primary' && one.error !== null);
  if (wrong !== undefined) throw new Failure('unavailable', 'target-down', wrong.error ?? wrong.node);
}

/** True when a node that answered does not any more, or the other way round. */
async function keepNodes(db: Db, targetId: string, nodes: NodeHealth[]): Promise<boolean> {
  const names = nodes.map((one) => one.node);
  const seen = nodes.map((one) => ({ ...one, error: cutError(one.error) }));
  const { rows } = await sql<{ changed: boolean | null }>`
    with before as (select node, failing_since from target_nodes where target_id = ${targetId}),
    gone as (delete from target_nodes where target_id = ${targetId} and node <> all(${names}::text[])),
    kept as (
      insert into target_nodes as n (target_id, node, role, last_contact_at, failing_since, last_error, last_error_code, clock_skew_s, looked_at)
      select ${targetId}, s.node, s.role, case when s.error is null then now() end,
        case when s.error is not null then now() end, s.error, s.code, s."clockSkewSeconds", now()
      from jsonb_to_recordset(${JSON.stringify(seen)}::jsonb)
        as s(node text, role text, error text, code text, "clockSkewSeconds" float8)
      on conflict (target_id, node) do update set role = excluded.role,
        last_contact_at = coalesce(excluded.last_contact_at, n.last_contact_at),
        failing_since = case when excluded.last_error is null then null else coalesce(n.failing_since, excluded.failing_since) end,
        last_error = excluded.last_error, last_error_code = excluded.last_error_code, clock_skew_s = coalesce(excluded.clock_skew_s, n.clock_skew_s),
        looked_at = excluded.looked_at
      returning node, failing_since)
    select bool_or((b.failing_since is null) <> (k.failing_since is null)) as changed
    from kept k left join before b using (node)`.execute(db);
  return rows[0]?.changed === true;
}
