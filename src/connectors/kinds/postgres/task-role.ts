// The group role of a task in one database: it alone holds rights, logins are members of it. Rights given to each
// login would bloat the catalogs until "row is too big" at some 2,400 logins (lifecycle.md). Its rights are made
// equal to the entitlement, wider is a failure as much as narrower, and what was found is believed for five minutes.

import { digestOf } from '../../../base/canonical-json.ts';
import { codeOf, Failure } from '../../../base/errors.ts';
import { monotonicMs } from '../../../base/timer.ts';
import { type Connection, type PostgresClient, untilAborted, withDatabase } from './client.ts';
import type { Entitlement } from './entitlement.ts';
import { isOurs, quoteName, quoteText, readMark, taskRoleName, writeMark } from './names.ts';
import {
  currentRights,
  grantSql,
  mayPassOn,
  missingFrom,
  type ObjectRight,
  revokeSql,
  wantedRights,
} from './object-rights.ts';
import { number, numberOrNull, only, textOrNull, texts } from './row.ts';

const BELIEVED_MS = 5 * 60_000;
/** One change of rights at a time in a database: at once they fail with "tuple concurrently updated". */
const RIGHTS_LOCK = 'pg_advisory_xact_lock(8374657261)';
const SETTLE_LIMIT_MS = 15_000;
const MOST_NAMED = 5;
const NO_PRIVILEGE = '42501';

export interface TaskRole {
  name: string;
  database: string;
  mark: string;
  version: number;
}

/** The task's role, with exactly the entitlement's rights. Errors: `target-right-missing`, `target-name-taken`, … */
export async function ensureTaskRole(
  client: PostgresClient,
  task: { taskId: string; entitlement: Entitlement },
  signal: AbortSignal,
): Promise<TaskRole> {
  const database = task.entitlement.database ?? client.access.settings.database;
  const name = taskRoleName(task.taskId, database);
  const mark = writeMark(client.access.mark, { task: task.taskId, digest: digestOf(task.entitlement) });
  const known = client.taskRoles.get(name);
  if (known?.mark === mark && monotonicMs() - known.checkedAtMs < BELIEVED_MS && client.version !== null)
    return { name, database, mark, version: client.version };
  // Callers that want the same at the same time share one change; one that gives up takes nobody along.
  const key = `${name} ${mark}`;
  const underWay = client.settling.get(key);
  const settled =
    underWay ??
    settle(client, { name, database, mark }, task.entitlement, AbortSignal.timeout(SETTLE_LIMIT_MS));
  if (underWay === undefined) {
    client.settling.set(key, settled);
    const done = () => client.settling.delete(key);
    settled.then(done, done);
  }
  return { name, database, mark, version: await untilAborted(signal, settled) };
}

/** The next grant looks again. */
export function forgetTaskRole(client: PostgresClient, role: TaskRole): void {
  client.taskRoles.delete(role.name);
}

async function settle(
  client: PostgresClient,
  role: Omit<TaskRole, 'version'>,
  entitlement: Entitlement,
  signal: AbortSignal,
): Promise<number> {
  const { version, tookBack } = await withDatabase(client, role.database, signal, async (connection) => {
    await connection.rows(`BEGIN; SELECT ${RIGHTS_LOCK}`);
    const settled = await bringUp(connection, client, role, entitlement);
    await connection.rows('COMMIT');
    return settled;
  });
  client.version = version;
  const untold = client.taskRoles.get(role.name)?.tookBack ?? null;
  client.taskRoles.set(role.name, {
    mark: role.mark,
    checkedAtMs: monotonicMs(),
    tookBack: tookBack ?? untold,
  });
  return version;
}

async function bringUp(
  connection: Connection,
  client: PostgresClient,
  role: Omit<TaskRole, 'version'>,
  entitlement: Entitlement,
): Promise<{ version: number; tookBack: string | null }> {
  const found = await findRole(connection, role.name);
  if (found.oid === null) await connection.rows(`CREATE ROLE ${quoteName(role.name)} NOLOGIN`);
  else if (!isOurs(readMark(found.comment), client.access.mark)) throw nameTaken(role.name);
  if (found.powerful) throw widened(role.name, 'it was given LOGIN, SUPERUSER or another attribute');
  if (found.comment !== role.mark)
    await connection.rows(`COMMENT ON ROLE ${quoteName(role.name)} IS ${quoteText(role.mark)}`);
  const oid = found.oid ?? (await findRole(connection, role.name)).oid;
  if (oid === null)
    throw new Failure('unavailable', 'target-error', 'The role of the task vanished while it was made.');
  if (found.memberOf.length > 0)
    throw widened(role.name, `it was made a member of ${found.memberOf.join(', ')}`);

  const wanted = await wantedRights(connection, entitlement, role.database);
  let current = await currentRights(connection, oid);
  const extra = missingFrom(wanted, current);
  if (extra.length > 0) {
    await takeBack(connection, extra, role.name);
    // Revoking a right on a table takes the same right on its columns along, so it is read again.
    current = await currentRights(connection, oid);
  }
  const missing = missingFrom(current, wanted);
  if (missing.length > 0) {
    const refused: ObjectRight[] = [];
    for (const right of missing) if (!(await mayPassOn(connection, right))) refused.push(right);
    if (refused.length > 0) throw mayNotGrant(refused, client.access.admin.user);
    await connection.rows(grantSql(missing, role.name).join(';\n'));
    current = await currentRights(connection, oid);
  }
  // GRANT and REVOKE without the full right to do so only warn, so the outcome is what counts.
  const lacking = missingFrom(current, wanted);
  if (lacking.length > 0) throw mayNotGrant(lacking, client.access.admin.user);
  const kept = missingFrom(wanted, current);
  if (kept.length > 0) throw widened(role.name, `it has ${named(kept)}, which the task does not name`, kept);
  // The first time, and when the task itself has changed, what is there is not what somebody added.
  const added = extra.length > 0 && found.comment === role.mark;
  return { version: found.version, tookBack: added ? named(extra) : null };
}

/** Rights that somebody gave whose gifts we cannot take back end the attempt here: the transaction is over then. */
async function takeBack(connection: Connection, extra: ObjectRight[], role: string): Promise<void> {
  const statements = revokeSql(extra, role);
  if (statements.length === 0) return;
  try {
    await connection.rows(statements.join(';\n'));
  } catch (error) {
    if (codeOf(error) !== NO_PRIVILEGE) throw error;
    throw widened(role, `it has ${named(extra)}, which the task does not name`, extra);
  }
}

async function findRole(connection: Connection, name: string) {
  const rows = await connection.rows(
    `SELECT current_setting('server_version_num')::int AS version, r.oid::int8 AS oid,
      shobj_description(r.oid, 'pg_authid') AS comment,
      (r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls) AS powerful,
      ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = r.oid) AS member_of
     FROM (SELECT) one LEFT JOIN pg_roles r ON r.rolname = $1`,
    [name],
  );
  const row = only(rows);
  return {
    version: number(row, 'version'),
    oid: numberOrNull(row, 'oid'),
    comment: textOrNull(row, 'comment'),
    powerful: row.powerful === true,
    memberOf: texts(row, 'member_of'),
  };
}

const named = (rights: ObjectRight[]) =>
  rights
    .slice(0, MOST_NAMED)
    .map((right) => `${right.privilege} on ${right.words}`)
    .join(', ') + (rights.length > MOST_NAMED ? ` and ${rights.length - MOST_NAMED} more` : '');

export function nameTaken(name: string): Failure {
  return new Failure(
    'conflict',
    'target-name-taken',
    `A role "${name}" that is not ours is on the target already.`,
    {
      hint: 'Rename or remove it there; Sallyport never touches what it did not make.',
    },
  );
}

function widened(name: string, how: string, kept: ObjectRight[] = []): Failure {
  return new Failure(
    'conflict',
    'target-task-role-changed',
    `The role "${name}" of this task was changed: ${how}.`,
    {
      hint: 'Take it back on the target; grants of this task wait until then.',
      facts: { fix: revokeSql(kept, name).join(';\n') },
    },
  );
}

function mayNotGrant(refused: ObjectRight[], admin: string): Failure {
  const fix = grantSql(refused, admin).map((line) => `${line} WITH GRANT OPTION;`);
  return new Failure(
    'unavailable',
    'target-right-missing',
    `The administrator may not give ${named(refused)}.`,
    {
      hint: `Run on the target, as the owner: ${fix.slice(0, MOST_NAMED).join(' ')}`,
      facts: { fix: fix.join('\n') },
    },
  );
}
