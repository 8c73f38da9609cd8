// The installation's own mark on a server: the comment of a role without login and rights, which counts up while
// Sallyport works there; and who else of this installation is connected.

import { z } from 'zod';
import type { FenceReading, TargetMark } from '../../contract.ts';
import { APPLICATION, type PostgresClient, withConnection } from './client.ts';
import { block, fenceName, ownMarkPrefix, quoteName, quoteText, writeMark } from './names.ts';
import { number, text, textOrNull } from './row.ts';

const MOST_OTHERS = 50;

const fenceText = z.object({
  epoch: z.int(),
  fence: z.object({ number: z.int(), nonce: z.string(), logSize: z.int() }),
});

/** `Connector.readFence`. */
export function readFence(client: PostgresClient, signal: AbortSignal): Promise<FenceReading> {
  const { mark, id } = client.access;
  const ours = `${APPLICATION} ${mark.installation} `;
  return withConnection(client, signal, async (connection) => {
    const [row] = await connection.rows(
      `SELECT shobj_description(to_regrole(${quoteText(quoteName(fenceName(mark, id)))}), 'pg_authid') AS comment`,
    );
    const others = await connection.rows(
      `SELECT substr(application_name, ${ours.length + 1}) AS run, coalesce(host(min(client_addr)), 'this machine') AS address,
         floor(extract(epoch FROM clock_timestamp() - max(coalesce(state_change, backend_start))))::int AS seconds
       FROM pg_stat_get_activity(NULL)
       WHERE starts_with(application_name, ${quoteText(ours)}) AND application_name <> ${quoteText(`${ours}${mark.run ?? ''}`)}
       GROUP BY application_name LIMIT ${MOST_OTHERS}`,
    );
    return {
      mark: row === undefined ? null : markOf(textOrNull(row, 'comment'), ownMarkPrefix(mark)),
      others: others.map((other) => ({
        run: text(other, 'run'),
        address: text(other, 'address'),
        activeSecondsAgo: number(other, 'seconds'),
      })),
    };
  });
}

function markOf(comment: string | null, prefix: string): TargetMark | null {
  if (comment === null || !comment.startsWith(prefix)) return null;
  try {
    const { epoch, fence } = fenceText.parse(JSON.parse(comment.slice(comment.indexOf('{'))));
    return { epoch, ...fence };
  } catch {
    return null;
  }
}

/** `Connector.writeFence`. */
export async function writeFence(
  client: PostgresClient,
  { epoch, ...fence }: TargetMark,
  signal: AbortSignal,
): Promise<void> {
  const name = quoteName(fenceName(client.access.mark, client.access.id));
  const comment = writeMark({ ...client.access.mark, epoch }, { fence });
  await withConnection(client, signal, (connection) =>
    connection.rows(
      block(`BEGIN IF to_regrole(${quoteText(name)}) IS NULL THEN CREATE ROLE ${name} NOLOGIN; END IF;
COMMENT ON ROLE ${name} IS ${quoteText(comment)}; END`),
    ),
  );
}
