// Whether every node of the target is one that revocation can reach: each standby that the settings name, and those
// that the servers have and nobody named.

import { Failure } from '../../../base/errors.ts';
import type { CheckItem } from '../../contract.ts';
import { type Connection, type PostgresClient, withConnection } from './client.ts';
import { nodeFacts } from './nodes.ts';
import { number, only, texts } from './row.ts';

/** More behind than this, and a revocation there takes longer than its 5 s. */
const MOST_BEHIND_SECONDS = 5;
const MOST_NAMED = 10;

/** One item for all standbys that are not named, and one each that is. */
export async function checkNodes(
  connection: Connection,
  client: PostgresClient,
  signal: AbortSignal,
): Promise<CheckItem[]> {
  const named = await Promise.all(
    client.standbys.map((standby) => checkStandby(standby, connection.cluster, signal)),
  );
  const fed = (await receivers(connection)) + named.reduce((sum, one) => sum + one.receivers, 0);
  return [await checkUnnamed(connection, client, fed), ...named.map((one) => one.item)];
}

async function checkStandby(
  standby: PostgresClient,
  cluster: string | null,
  signal: AbortSignal,
): Promise<{ item: CheckItem; receivers: number }> {
  const name = `standby ${standby.node}`;
  try {
    return await withConnection(standby, signal, async (connection) => {
      const fails = (detail: string, fix?: string) => ({
        item: { name, status: 'fail' as const, detail, ...(fix === undefined ? {} : { fix }) },
        receivers: 0,
      });
      if (cluster === null || connection.cluster === null)
        return fails(
          'Whether it belongs to this target’s cluster is not known, so nothing is ended there.',
          `GRANT EXECUTE ON FUNCTION pg_control_system() TO ${standby.access.admin.user};`,
        );
      if (connection.cluster !== cluster)
        return {
          item: {
            name,
            status: 'fail' as const,
            detail: `${standby.node} belongs to another cluster: nothing is ended there. Name the right standby.`,
            blocks: true,
          },
          receivers: 0,
        };
      const facts = await nodeFacts(connection);
      if (!facts.standby)
        return fails('It is no standby any more: was it promoted? Name it as the target’s host then.');
      const item: CheckItem =
        facts.behindSeconds !== null && facts.behindSeconds > MOST_BEHIND_SECONDS && !facts.caughtUp
          ? {
              name,
              status: 'warn',
              detail: `It is ${facts.behindSeconds} s behind: a revocation is over there only that much later.`,
            }
          : {
              name,
              status: 'ok',
              detail: 'Revocation ends sessions here, and looks here before it is over.',
            };
      return { item, receivers: await receivers(connection) };
    });
  } catch (error) {
    if (!(error instanceof Failure) || signal.aborted) throw error;
    return {
      item: { name, status: 'fail', detail: `${error.message} No grant can be over before it answers.` },
      receivers: 0,
    };
  }
}

/** Senders of the log, to standbys or others; only a superuser and pg_monitor see to whom. */
async function receivers(connection: Connection): Promise<number> {
  return number(
    only(await connection.rows('SELECT count(*)::int AS senders FROM pg_stat_get_wal_senders()')),
    'senders',
  );
}

async function checkUnnamed(connection: Connection, client: PostgresClient, fed: number): Promise<CheckItem> {
  const named = client.standbys.length;
  if (fed <= named)
    return {
      name: 'standbys',
      status: 'ok',
      detail: named === 0 ? 'No standby is connected.' : 'Every standby that is connected is named.',
    };
  const rows = await connection.rows(
    `SELECT ARRAY(SELECT DISTINCT host(client_addr) || ' (' || application_name || ')'
       FROM pg_stat_replication WHERE client_addr IS NOT NULL ORDER BY 1) AS seen`,
  );
  const seen = texts(only(rows), 'seen').slice(0, MOST_NAMED);
  return {
    name: 'standbys',
    status: 'warn',
    detail: `${fed - named} standby or other receiver is connected and not named${seen.length === 0 ? '' : ` (connected: ${seen.join(', ')})`}. A session there outlives its grant.`,
    fix: [
      '# Name each standby, by the address where clients find it:',
      `sally target nodes ${client.access.name} <host>:<port> …`,
      '# or keep logins that begin with sp_ out of it, in its pg_hba.conf:',
      'host all "/^sp_" all reject',
    ].join('\n'),
  };
}
