// What a server says of one login, and which login a handle means. The OID decides where it is known: a role of the
// same name with another OID, or without our mark, is somebody else's, and ours is then absent.

import type { Mark } from '../../contract.ts';
import type { Connection, Row } from './client.ts';
import { type GrantHandle, isOurs, readMark } from './names.ts';
import { flag, number, only, text, textOrNull } from './row.ts';
import { readState } from './statements.ts';

export interface LoginState {
  oid: number;
  /** null: no such role any more. */
  name: string | null;
  canLogin: boolean;
  /** Carries a mark of another installation, or of a newer epoch than we know: not to be touched. */
  foreign: boolean;
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
    sessions: number(row, 'sessions'),
    memberships: number(row, 'memberships'),
    dependents: number(row, 'dependents'),
  };
}

/** No role of that OID, and nothing of it. */
export function absent(oid: number): LoginState {
  return { oid, name: null, canLogin: false, foreign: false, sessions: 0, memberships: 0, dependents: 0 };
}

export async function loginState(connection: Connection, oid: number, mark: Mark): Promise<LoginState> {
  return readLoginState(only(await connection.rows(readState(oid))), oid, mark);
}

/** The OID that the handle means: its own, or that of the role of its name which carries our mark for its grant. */
export async function oidOf(connection: Connection, handle: GrantHandle, mark: Mark): Promise<number | null> {
  if (handle.oid !== undefined) return handle.oid;
  const [row] = await connection.rows(
    `SELECT oid::int8 AS oid, rolname, shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname = $1`,
    [handle.login],
  );
  if (row === undefined || text(row, 'rolname') !== handle.login) return null;
  const found = readMark(textOrNull(row, 'comment'));
  if (found?.grant === undefined || !isOurs(found, mark)) return null;
  return handle.grantId === undefined || handle.grantId === found.grant ? number(row, 'oid') : null;
}
