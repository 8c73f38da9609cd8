// What a server says of one login, and which login a handle means. The OID decides where it is known: a role of the
// same name with another OID, or without our mark, is somebody else's, and ours is then absent.

import type { Mark, Observed } from '../../contract.ts';
import type { Connection, Row } from './client.ts';
import { type GrantHandle, isOurs, quoteName, readMark } from './names.ts';
import { flag, number, only, text, textOrNull } from './row.ts';
import { readState } from './statements.ts';

export interface LoginState {
  oid: number;
  /** null: no such role any more. */
  name: string | null;
  canLogin: boolean;
  /** Carries a mark of another installation, or of a newer epoch than we know: not to be touched. */
  foreign: boolean;
  /** The grant that its mark of ours names. */
  grant: string | null;
  sessions: number;
  memberships: number;
  /** Objects and rights that hang on the role, in all databases. */
  dependents: number;
}

function readLoginState(row: Row, oid: number, mark: Mark): LoginState {
  const name = textOrNull(row, 'name');
  const found = readMark(textOrNull(row, 'comment'));
  return {
    oid,
    name,
    canLogin: name !== null && flag(row, 'can_login'),
    foreign: found !== null && !isOurs(found, mark),
    grant: isOurs(found, mark) ? (found?.grant ?? null) : null,
    sessions: number(row, 'sessions'),
    memberships: number(row, 'memberships'),
    dependents: number(row, 'dependents'),
  };
}

/** No role of that OID, and nothing of it. */
export function absent(oid: number): LoginState {
  return {
    oid,
    name: null,
    canLogin: false,
    foreign: false,
    grant: null,
    sessions: 0,
    memberships: 0,
    dependents: 0,
  };
}

export async function loginState(connection: Connection, oid: number, mark: Mark): Promise<LoginState> {
  return readLoginState(only(await connection.rows(readState(oid))), oid, mark);
}

/** No new login, no session, no membership. */
export const isInert = (state: LoginState): boolean =>
  !state.canLogin && state.sessions === 0 && state.memberships === 0;

export const isGone = (state: LoginState): boolean => state.name === null && state.sessions === 0;

export function observedOf(state: LoginState): Observed {
  // What is marked as somebody else's is not ours to end, and so never said to be over.
  if (state.foreign) return 'present';
  return isGone(state) ? 'absent' : isInert(state) ? 'inert' : 'present';
}

/** Why a role with a foreign mark is left alone, and what to do where somebody changed the mark by hand. */
export function foreignMark(name: string): string {
  return `${name} carries the mark of another installation, or a newer one of this, and is not touched. If it is this grant’s all the same: COMMENT ON ROLE ${quoteName(name)} IS NULL;`;
}

/** In a cluster known to be another one than the handle's, its OID is somebody else's. */
export function sameCluster(connection: Connection, handle: GrantHandle): boolean {
  return handle.cluster === undefined || connection.cluster === null || handle.cluster === connection.cluster;
}

/** The OID that the handle means: its own, or that of the role of its name which carries our mark for its grant. */
export async function oidOf(connection: Connection, handle: GrantHandle, mark: Mark): Promise<number | null> {
  return handle.oid !== undefined && sameCluster(connection, handle)
    ? handle.oid
    : markedOid(connection, handle, mark);
}

/** By name and mark alone: also after the server was rebuilt from a dump, which gives every role another OID. */
export async function markedOid(
  connection: Connection,
  handle: GrantHandle,
  mark: Mark,
): Promise<number | null> {
  const [row] = await connection.rows(
    `SELECT oid::int8 AS oid, rolname, shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname = $1`,
    [handle.login],
  );
  if (row === undefined || text(row, 'rolname') !== handle.login) return null;
  const found = readMark(textOrNull(row, 'comment'));
  if (found === null || !isOurs(found, mark)) return null;
  if (handle.kitId !== undefined) return found.kit === handle.kitId ? number(row, 'oid') : null;
  if (found.grant === undefined) return null;
  return handle.grantId === undefined || handle.grantId === found.grant ? number(row, 'oid') : null;
}
