// Who is in the way, in words: the sessions that hold a lock which a revocation waits for.

import type { Connection } from './client.ts';
import { number, text } from './row.ts';

/** lock_not_available, deadlock_detected, and a change of the same catalog row at the same time. */
export const LOCK_CODES = new Set(['55P03', '40P01', 'XX000']);
const MOST_HOLDERS = 5;

/** Sessions that hold a lock on this role, or that are changing roles and have not committed. */
export function describeLockHolders(connection: Connection, oid: number): Promise<string[]> {
  return holders(
    connection,
    `(l.locktype = 'object' AND l.classid = 'pg_authid'::regclass AND l.objid = $1)
     OR (l.locktype = 'relation' AND l.mode = 'RowExclusiveLock'
       AND l.relation IN ('pg_authid'::regclass, 'pg_auth_members'::regclass))`,
    [oid],
    'holds a lock on the role',
  );
}

/** Sessions that hold a lock on one of these tables of this database. */
export function describeTableHolders(connection: Connection, relations: number[]): Promise<string[]> {
  return holders(
    connection,
    `l.locktype = 'relation' AND l.relation = ANY ($1::int8[]::oid[])
     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [relations],
    'holds a lock on what the grant owns',
  );
}

async function holders(
  connection: Connection,
  where: string,
  values: unknown[],
  what: string,
): Promise<string[]> {
  const rows = await connection.rows(
    `SELECT DISTINCT l.pid, coalesce(a.usename::text, 'a dropped role') AS who, coalesce(a.state, 'unknown') AS state
     FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.granted AND l.pid <> pg_backend_pid() AND (${where})
     ORDER BY l.pid LIMIT ${MOST_HOLDERS}`,
    values,
  );
  if (rows.length === 0)
    return ['A lock on the target was in the way and is gone by now; this is tried again.'];
  return rows.map((row) => {
    const pid = number(row, 'pid');
    return `Session ${pid} of ${text(row, 'who')} (${text(row, 'state')}) ${what}. To end it: SELECT pg_terminate_backend(${pid});`;
  });
}
