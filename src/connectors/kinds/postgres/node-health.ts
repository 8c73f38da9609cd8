// Whether each node answers, as what it should be, and by which clock: asked at every patrol, for the health page.

import { Failure } from '../../../base/errors.ts';
import type { NodeHealth } from '../../contract.ts';
import { type PostgresClient, withConnection } from './client.ts';
import { flag, number, only } from './row.ts';

/** `Connector.nodes`. */
export async function nodes(client: PostgresClient, signal: AbortSignal): Promise<NodeHealth[]> {
  const primary = await ask(client, 'primary', signal);
  const standbys = await Promise.all(client.standbys.map((one) => ask(one, 'standby', signal)));
  const known = primary.cluster;
  return [primary, ...standbys].map(({ cluster, ...health }) =>
    known !== null && cluster !== null && cluster !== known
      ? {
          ...health,
          error: 'It belongs to another cluster: nothing is ended there. Name the right standby.',
          code: 'target-node-other-cluster',
        }
      : health,
  );
}

async function ask(
  client: PostgresClient,
  role: NodeHealth['role'],
  signal: AbortSignal,
): Promise<NodeHealth & { cluster: string | null }> {
  const { node } = client;
  try {
    return await withConnection(client, signal, async (connection) => {
      const before = Date.now();
      const row = only(
        await connection.rows(
          'SELECT pg_is_in_recovery() AS standby, (extract(epoch FROM clock_timestamp()) * 1000)::int8 AS now_ms',
        ),
      );
      const { cluster } = connection;
      const clockSkewSeconds = skewSeconds(before, number(row, 'now_ms'), Date.now());
      const error = wrongRole(role, flag(row, 'standby'));
      const code = error === null ? null : 'target-node-not-standby';
      return { node, role, error, code, clockSkewSeconds, cluster };
    });
  } catch (error) {
    if (!(error instanceof Failure) || signal.aborted) throw error;
    return { node, role, error: error.message, code: error.code, clockSkewSeconds: null, cluster: null };
  }
}

/** The target read its clock somewhere between asking and answer; all in milliseconds but the result. */
export function skewSeconds(beforeMs: number, nowMs: number, afterMs: number): number {
  return Math.max(beforeMs - nowMs, nowMs - afterMs, 0) / 1000;
}

function wrongRole(role: NodeHealth['role'], standby: boolean): string | null {
  if (role === 'primary' && standby)
    return 'It is a standby: logins can only be made and ended on the primary. Change the target’s host.';
  if (role === 'standby' && !standby)
    return 'It is no standby any more: was it promoted? Name it as the target’s host then.';
  return null;
}
