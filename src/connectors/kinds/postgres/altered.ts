// What somebody changed by hand on the logins of active grants: one statement for all of them, and the roles of their
// tasks. A login is what `statements.ts` makes of it and nothing more; every difference is told, with its direction.

import { setImmediate } from 'node:timers/promises';
import { Failure } from '../../../base/errors.ts';
import { scramKeys, verifierText } from '../../../base/scram.ts';
import type { Alteration, Handle, HeldGrant } from '../../contract.ts';
import { type Connection, type PostgresClient, type Row, withConnection } from './client.ts';
import type { Entitlement } from './entitlement.ts';
import { sameCluster } from './login-state.ts';
import { type GrantHandle, isOurs, readHandle, readMark } from './names.ts';
import { flag, number, numberOrNull, text, textOrNull, texts } from './row.ts';
import { CONNECTION_LIMIT, MEMBERSHIPS, ROLES } from './statements.ts';
import { ensureTaskRole } from './task-role.ts';

/** Clocks and the time between two looks; an extension moves the target's expiry a moment before the store's. */
const EXPIRY_SLACK_SECONDS = 120;
/** Of thousands; then others get their turn. */
const COMPARED_AT_A_STRETCH = 50;

type Held = HeldGrant<Entitlement>;

/** `Connector.altered`. */
export async function altered(
  client: PostgresClient,
  held: Held[],
  signal: AbortSignal,
): Promise<{ handle: Handle; alterations: Alteration[] }[]> {
  if (held.length === 0) return [];
  const tasks = await alteredTasks(client, held, signal);
  const byOid = await withConnection(client, signal, (connection) => readLogins(connection, held));
  const found: { handle: Handle; alterations: Alteration[] }[] = [];
  for (const [n, one] of held.entries()) {
    if (n % COMPARED_AT_A_STRETCH === 0) await setImmediate();
    const known = readHandle(one.handle);
    const row = known.oid === undefined ? undefined : byOid.get(known.oid);
    if (row === undefined) continue;
    const alterations = [...(await differences(client, one, known, row)), ...(tasks.get(one.taskId) ?? [])];
    if (alterations.length > 0) found.push({ handle: one.handle, alterations });
  }
  return found;
}

/** Of each login that is there, by OID: what can be compared with what was granted. */
async function readLogins(connection: Connection, held: Held[]): Promise<Map<number, Row>> {
  const oids = held.flatMap(({ handle }) => {
    const known = readHandle(handle);
    return known.oid !== undefined && sameCluster(connection, known) ? [known.oid] : [];
  });
  // PostgreSQL 16 made options of a membership, and gives the maker of a role one without rights (ADMIN alone).
  const usable = (m: string) =>
    `(coalesce((to_jsonb(${m})->>'inherit_option')::bool, true) OR coalesce((to_jsonb(${m})->>'set_option')::bool, true))`;
  const rows = await connection.rows(
    `SELECT r.oid::int8 AS oid, r.rolname::text AS name, r.rolcanlogin AS can_login, r.rolconnlimit AS connections,
       (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls) AS powerful,
       CASE WHEN r.rolvaliduntil IS NULL OR r.rolvaliduntil = 'infinity' THEN NULL
         WHEN r.rolvaliduntil = '-infinity' THEN 0
         ELSE floor(extract(epoch FROM r.rolvaliduntil - now()))::int8 END AS left_s,
       shobj_description(r.oid, 'pg_authid') AS comment,
       ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
         WHERE m.member = r.oid ORDER BY 1) AS member_of,
       ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
         WHERE m.member = r.oid AND m.admin_option ORDER BY 1) AS admin_of,
       ARRAY(SELECT u.rolname::text FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member
         WHERE m.roleid = r.oid AND u.rolname <> current_user AND ${usable('m')} ORDER BY 1) AS members,
       (SELECT count(*) FROM pg_shdepend d WHERE d.refclassid = ${ROLES} AND d.refobjid = r.oid AND d.deptype = 'a'
         AND d.classid <> ${MEMBERSHIPS})::int AS direct
     FROM pg_roles r WHERE r.oid = ANY ($1::int8[]::oid[])`,
    [oids],
  );
  const byOid = new Map(rows.map((row) => [number(row, 'oid'), row]));
  const readable = await connection.rows(`SELECT has_table_privilege('pg_authid', 'SELECT') AS yes`);
  if (readable[0] !== undefined && flag(readable[0], 'yes')) {
    const kept = await connection.rows(
      'SELECT oid::int8 AS oid, rolpassword AS verifier FROM pg_authid WHERE oid = ANY ($1::int8[]::oid[])',
      [oids],
    );
    for (const row of kept) Object.assign(byOid.get(number(row, 'oid')) ?? {}, { verifier: row.verifier });
  }
  return byOid;
}

async function differences(
  client: PostgresClient,
  held: Held,
  known: GrantHandle,
  row: Row,
): Promise<Alteration[]> {
  const found: Alteration[] = [];
  const tell = (kind: Alteration['kind'], what: string) => found.push({ kind, what });
  const name = text(row, 'name');
  if (name !== held.login) tell('wider', `Its login was renamed: ${held.login} is ${name} now.`);
  if (!flag(row, 'can_login')) tell('narrower', 'Its login was shut (NOLOGIN).');
  if (flag(row, 'powerful'))
    tell('wider', 'Its login was given SUPERUSER, CREATEROLE or another power over the server.');
  if (number(row, 'connections') < 0 || number(row, 'connections') > CONNECTION_LIMIT)
    tell('wider', 'The limit on its connections was lifted.');
  memberships(known, row, tell);
  const direct = number(row, 'direct');
  if (direct > 0)
    tell('wider', `Its login was given rights of its own on ${direct} object${direct === 1 ? '' : 's'}.`);
  const left = numberOrNull(row, 'left_s');
  if (left === null || left > held.nativeExpirySeconds + EXPIRY_SLACK_SECONDS)
    tell('renewable', 'The target’s own expiry (VALID UNTIL) was put later, or taken off.');
  else if (left < Math.min(held.nativeExpirySeconds - EXPIRY_SLACK_SECONDS, 0))
    tell('narrower', 'The target’s own expiry (VALID UNTIL) was put into the past: nobody can log in.');
  const mark = readMark(textOrNull(row, 'comment'));
  if (mark === null || (isOurs(mark, client.access.mark) && mark.grant !== known.grantId))
    tell('renewable', 'Its mark was taken off, or changed.');
  else if (!isOurs(mark, client.access.mark))
    tell('wider', 'Its mark was replaced by another installation’s.');
  if (typeof row.verifier === 'string' && !(await isDerived(row.verifier, held)))
    tell('wider', 'Its password on the target was changed: somebody can log in past the gateway.');
  return found;
}

function memberships(
  known: GrantHandle,
  row: Row,
  tell: (kind: Alteration['kind'], what: string) => void,
): void {
  const granted = [known.group, known.owner].filter((role) => role !== undefined);
  const has = texts(row, 'member_of');
  const added = has.filter((role) => !granted.includes(role));
  const taken = granted.filter((role) => !has.includes(role));
  if (added.length > 0) tell('wider', `Its login was made a member of ${added.join(', ')}.`);
  if (taken.length > 0) tell('narrower', `Its login is no longer a member of ${taken.join(', ')}.`);
  const admin = texts(row, 'admin_of').filter((role) => granted.includes(role));
  if (admin.length > 0) tell('wider', `Its login may pass ${admin.join(', ')} on (ADMIN OPTION).`);
  const members = texts(row, 'members');
  if (members.length > 0) tell('wider', `Others were made members of its login: ${members.join(', ')}.`);
}

/** Whether the verifier is of the password that we derive for this grant. */
async function isDerived(verifier: string, held: Held): Promise<boolean> {
  const parts = /^SCRAM-SHA-256\$(\d{1,7}):([A-Za-z0-9+/=]{1,200})\$/.exec(verifier);
  if (parts === null) return false;
  const salt = Buffer.from(parts[2] ?? '', 'base64');
  return verifierText(await scramKeys(held.password.reveal(), salt, Number(parts[1]))) === verifier;
}

/** The task's role has exactly the task's rights (looked at every five minutes); more is taken back, or told. */
async function alteredTasks(
  client: PostgresClient,
  held: Held[],
  signal: AbortSignal,
): Promise<Map<string, Alteration[]>> {
  const found = new Map<string, Alteration[]>();
  const tasks = new Map(held.map((one) => [one.taskId, one.entitlement]));
  for (const [taskId, entitlement] of tasks) {
    try {
      const role = await ensureTaskRole(client, { taskId, entitlement }, signal);
      const state = client.taskRoles.get(role.name);
      if (state === undefined || state.tookBack === null) continue;
      found.set(taskId, [
        {
          kind: 'mended',
          what: `The role of its task had been given ${state.tookBack}; that was taken back.`,
        },
      ]);
      state.tookBack = null;
    } catch (error) {
      // What else is wrong with the target is told by whoever works there.
      if (!(error instanceof Failure)) throw error;
      if (error.code === 'target-task-role-changed')
        found.set(taskId, [{ kind: 'wider', what: error.message }]);
    }
  }
  return found;
}
