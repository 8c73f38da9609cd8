// Looking without touching: what the target says of one grant, which logins carry our mark, and the two verbs that
// are one statement each: a later expiry, and the end of sessions that started under a login already gone.

import { setImmediate } from 'node:timers/promises';
import { conflict } from '../../../base/errors.ts';
import { sleep } from '../../../base/timer.ts';
import type { Handle, Observation } from '../../contract.ts';
import { type Connection, type PostgresClient, withConnection } from './client.ts';
import { loginState, observedOf, oidOf, sameCluster } from './login-state.ts';
import {
  block,
  type GrantHandle,
  isOurs,
  ownMarkPrefix,
  quoteName,
  quoteText,
  readHandle,
  readMark,
  writeMark,
} from './names.ts';
import { inspectEveryNode } from './nodes.ts';
import { number, text, textOrNull } from './row.ts';

const MOST_MARKED = 20_000;
/** In one question, and the pause before the next: neither the target nor whoever waits for us is to notice. */
const MARKED_AT_ONCE = 1_000;
const MARKED_PAUSE_MS = 50;
/** Of thousands; then others get their turn. */
const READ_AT_A_STRETCH = 500;

/**
 * `Connector.inspect`, on every node. An account that somebody removed while its sessions run is `inert`: no longer
 * usable, and not over before `revoke` has ended them.
 */
export function inspect(client: PostgresClient, handle: Handle, signal: AbortSignal): Promise<Observation> {
  return inspectEveryNode(client, signal, () => inspectPrimary(client, handle, signal));
}

function inspectPrimary(client: PostgresClient, handle: Handle, signal: AbortSignal): Promise<Observation> {
  const known = readHandle(handle);
  return withConnection(client, signal, async (connection) => {
    const oid = await oidOf(connection, known, client.access.mark);
    if (oid === null) return { observed: 'absent', handle };
    const state = await loginState(connection, oid, client.access.mark);
    const seen: Handle = { ...handle, oid };
    if (state.name === null && state.sessions > 0) return { observed: 'inert', handle: seen };
    return { observed: observedOf(state), handle: seen };
  });
}

/** `Connector.renew`. Errors: `target-login-gone` when the login is absent or already shut. */
export function renew(
  client: PostgresClient,
  handle: Handle,
  nativeExpirySeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const known = readHandle(handle);
  return withConnection(client, signal, async (connection) => {
    const oid = await oidOf(connection, known, client.access.mark);
    const state = oid === null ? null : await loginState(connection, oid, client.access.mark);
    if (state === null || state.name === null || state.foreign || !state.canLogin)
      throw conflict('target-login-gone', 'The login of this grant is no longer on the target.');
    const set = `ALTER ROLE ${quoteName(state.name)} VALID UNTIL %L`;
    const expiry = `now() + interval '${Math.ceil(nativeExpirySeconds)} seconds'`;
    const grant = known.grantId;
    const unmarked = grant !== undefined && state.grant !== grant;
    const mark = unmarked
      ? `COMMENT ON ROLE ${quoteName(state.name)} IS ${quoteText(writeMark(client.access.mark, { grant }))};`
      : '';
    await connection.rows(block(`BEGIN EXECUTE format(${quoteText(set)}, ${expiry}); ${mark} END`));
  });
}

/** `Connector.strays`, on every node: sessions whose role is gone, whoever's it was. */
export async function strays(client: PostgresClient, signal: AbortSignal): Promise<boolean> {
  const found = await foundOnNodes(client, (node) =>
    withConnection(node, signal, (connection) =>
      connection.rows(
        `SELECT usesysid::int8 AS oid FROM pg_stat_get_activity(NULL) a
         WHERE usesysid <> 0 AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.usesysid) LIMIT 1`,
      ),
    ),
  );
  return found.length > 0;
}

/** What was found is told first; a node that cannot be asked is an error only where the others found nothing. */
async function foundOnNodes<T>(
  client: PostgresClient,
  ask: (node: PostgresClient) => Promise<T[]>,
): Promise<T[]> {
  const asked = await Promise.allSettled([client, ...client.standbys].map(ask));
  const found = asked.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  const failed = asked.find((one) => one.status === 'rejected');
  if (found.length === 0 && failed !== undefined) throw failed.reason;
  return found;
}

/** `Connector.sweep`. An OID that has a role again is left alone: it is not the one that was verified absent. */
export async function sweep(
  client: PostgresClient,
  handles: Handle[],
  signal: AbortSignal,
): Promise<{ handle: Handle; ended: number }[]> {
  const byOid = new Map<number, Sought>();
  for (const [n, handle] of handles.entries()) {
    const known = readHandle(handle);
    if (known.oid !== undefined) byOid.set(known.oid, { handle, known });
    if (n % READ_AT_A_STRETCH === 0) await setImmediate();
  }
  if (byOid.size === 0) return [];
  return foundOnNodes(client, (node) => sweepNode(node, node !== client, byOid, signal));
}

interface Sought {
  handle: Handle;
  known: GrantHandle;
}

/** A standby proves that it belongs to the cluster; the primary is the target. */
const meansHere = (connection: Connection, handle: GrantHandle, standby: boolean) =>
  standby
    ? handle.cluster !== undefined && handle.cluster === connection.cluster
    : sameCluster(connection, handle);

async function sweepNode(
  node: PostgresClient,
  standby: boolean,
  byOid: Map<number, Sought>,
  signal: AbortSignal,
): Promise<{ handle: Handle; ended: number }[]> {
  const rows = await withConnection(node, signal, async (connection) => {
    const here = [...byOid].flatMap(([oid, { known }]) =>
      meansHere(connection, known, standby) ? [oid] : [],
    );
    return connection.rows(
      `SELECT usesysid::int8 AS oid, count(*) FILTER (WHERE pg_terminate_backend(pid))::int AS ended
       FROM pg_stat_get_activity(NULL) a
       WHERE usesysid = ANY ($1::int8[]::oid[]) AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.usesysid)
       GROUP BY usesysid`,
      [here],
    );
  });
  return rows.flatMap((row) => {
    const sought = byOid.get(number(row, 'oid'));
    return sought === undefined ? [] : [{ handle: sought.handle, ended: number(row, 'ended') }];
  });
}

/** `Connector.marked`: every login of a grant of ours, of an epoch that we know. */
export async function marked(client: PostgresClient, signal: AbortSignal): Promise<Handle[]> {
  const found: Handle[] = [];
  for (let reached = 0, seen = 0, more = true; more && seen < MOST_MARKED; ) {
    const rows = await markedBehind(client, reached, signal);
    for (const row of rows) {
      const mark = readMark(textOrNull(row, 'comment'));
      if (mark?.grant !== undefined && isOurs(mark, client.access.mark))
        found.push({ login: text(row, 'login'), oid: number(row, 'oid'), grantId: mark.grant });
      reached = number(row, 'oid');
    }
    seen += rows.length;
    more = rows.length === MARKED_AT_ONCE;
    if (more) await sleep(MARKED_PAUSE_MS, signal);
  }
  return found;
}

const markedBehind = (client: PostgresClient, oid: number, signal: AbortSignal) =>
  withConnection(client, signal, (connection) =>
    connection.rows(
      `SELECT r.oid::int8 AS oid, r.rolname::text AS login, d.description AS comment
       FROM pg_shdescription d JOIN pg_roles r ON r.oid = d.objoid
       WHERE d.classoid = 'pg_authid'::regclass AND starts_with(d.description, $1) AND r.oid > $2::int8::oid
       ORDER BY r.oid LIMIT ${MARKED_AT_ONCE}`,
      [ownMarkPrefix(client.access.mark), oid],
    ),
  );
