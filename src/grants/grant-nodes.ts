// What each node of a target said of a grant, written in the statement that writes the grant itself, and fenced by the
// same version: a worker that comes late changes no node either. A target of one node needs no rows: its word is the
// grant's own `observed`.

import { type RawBuilder, sql } from 'kysely';
import type { NodeReport } from '../connectors/contract.ts';

const LONGEST_ERROR = 500;

/** Half of a character would be no JSON to the store. */
export const cutError = (error: string | null): string | null =>
  error?.slice(0, LONGEST_ERROR).toWellFormed() ?? null;

export interface NodesOfGrant {
  grantId: string;
  nodes: NodeReport[];
}

/**
 * Common table expressions that write these for the rows of `from` (a table of grants, earlier in the statement), and
 * take away those of nodes that the target has no more. `noted` then holds what was written.
 */
export function noteNodes(from: string, of: NodesOfGrant[]): RawBuilder<unknown> {
  const said = of.flatMap(({ grantId, nodes }) =>
    nodes.map((one) => ({ ...one, grant: grantId, error: cutError(one.error) })),
  );
  return sql`said as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(said)}::jsonb)
        as r("grant" text, node text, role text, observed text, error text)),
    unnamed as (
      delete from grant_nodes n using ${sql.table(from)} g
      where n.grant_id = g.id and not exists (select from said r where r."grant" = g.id and r.node = n.node)),
    noted as (
      insert into grant_nodes as n (grant_id, node, role, observed, since, asked_at, error, version)
      select g.id, r.node, r.role, r.observed, clock_timestamp(), clock_timestamp(), r.error, g.version
      from ${sql.table(from)} g join said r on r."grant" = g.id
      on conflict (grant_id, node) do update set role = excluded.role, observed = excluded.observed,
        since = case when n.observed = excluded.observed then n.since else excluded.since end,
        asked_at = excluded.asked_at, error = excluded.error, version = excluded.version
      where n.version <= excluded.version
      returning *)`;
}

/** Of the grant `g`, from `noted`. */
export const NOTED_AS_JSON = (json: RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`(select ${json} from noted n where n.grant_id = g.id)`;
