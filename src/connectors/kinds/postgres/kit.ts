// Emergency kits on PostgreSQL: making the dormant login, looking whether it would still open, reading what it wrote
// down, and taking it away by the same way as every grant.

import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { codeOf, Failure } from '../../../base/errors.ts';
import { scramKeys, verifierText } from '../../../base/scram.ts';
import type { Secret } from '../../../base/secret.ts';
import type { Handle, KitLook, KitOpening, KitPlan, KitWay, RevokeReport } from '../../contract.ts';
import { type Connection, loginOptions, type PostgresClient, untilAborted, withDatabase } from './client.ts';
import type { Entitlement } from './entitlement.ts';
import { asFailure } from './failures.ts';
import {
  FUNCTION_CONFIG,
  forgetKitSql,
  functionBody,
  functionSignature,
  KIT_SCHEMA,
  kitPlaceSql,
  MOST_OPENINGS,
  makeKitSql,
  openSql,
} from './kit-sql.ts';
import { isOurs, quoteName, readMark, requireLogin, taskRoleName, writeMark } from './names.ts';
import { revoke } from './revoke.ts';
import { flag, number, numberOrNull, only, text, textOrNull, texts } from './row.ts';
import type { TargetSettings } from './settings.ts';
import { ensureTaskRole, nameTaken } from './task-role.ts';

const SALT_BYTES = 16;
/** Random passwords of 256 bits need no slow guessing (grant.ts). */
const ITERATIONS = 64;
const NO_PRIVILEGE = '42501';
const WRONG_PASSWORD = '28P01';

/** `KitVerbs.way`. Errors: `kit-task-unfit`. */
export function kitWay(settings: TargetSettings, task: Entitlement, login: string): KitWay {
  if (task.actAs !== undefined) {
    throw new Failure(
      'invalid',
      'kit-task-unfit',
      'An emergency kit cannot hold a task that acts as an owner.',
      {
        field: 'task',
        hint: 'Name the rights that an emergency needs in a task of its own.',
      },
    );
  }
  const { host, port, tls, ca } = settings;
  return {
    host,
    port,
    database: task.database ?? settings.database,
    tls,
    ...(ca === undefined ? {} : { ca }),
    openSql: openSql(requireLogin(login)),
  };
}

/** `KitVerbs.make`. Errors: `target-right-missing`, `target-name-taken`, those of the task's role. */
export async function makeKit(
  client: PostgresClient,
  plan: KitPlan<Entitlement>,
  signal: AbortSignal,
): Promise<Handle> {
  const { database } = kitWay(client.access.settings, plan.entitlement, plan.login);
  const verifier = verifierText(await scramKeys(plan.password.reveal(), randomBytes(SALT_BYTES), ITERATIONS));
  const group = await ensureTaskRole(client, plan, signal);
  const mark = writeMark(client.access.mark, { kit: plan.kitId, label: plan.label });
  const role = {
    login: plan.login,
    group: group.name,
    limitSeconds: plan.limitSeconds,
    version: group.version,
  };
  return withDatabase(client, database, signal, async (connection) => {
    const found = await findLogin(connection, plan.login);
    if (found !== null) {
      const theirs = readMark(found.comment);
      if (theirs?.kit !== plan.kitId || !isOurs(theirs, client.access.mark)) throw nameTaken(plan.login);
    }
    try {
      await connection.rows(`BEGIN; ${kitPlaceSql()};`);
    } catch (error) {
      if (codeOf(error) !== NO_PRIVILEGE) throw error;
      throw mayNotMakePlace(database, client.access.admin.user, error);
    }
    await connection.rows(makeKitSql(plan, role, { verifier, mark, database, exists: found !== null }));
    const made = only(
      await connection.rows(
        `SELECT oid::int8 AS oid, has_database_privilege(oid, current_database(), 'CONNECT') AS connects
         FROM pg_roles WHERE rolname = $1`,
        [plan.login],
      ),
    );
    if (!flag(made, 'connects')) throw mayNotConnect(database, client.access.admin.user);
    await connection.rows('COMMIT');
    return { login: plan.login, kitId: plan.kitId, oid: number(made, 'oid'), group: group.name, database };
  });
}

function mayNotMakePlace(database: string, admin: string, cause: unknown): Failure {
  const fix = `GRANT CREATE ON DATABASE ${quoteName(database)} TO ${quoteName(admin)};`;
  return new Failure(
    'unavailable',
    'target-right-missing',
    `The administrator may not make the schema ${KIT_SCHEMA}, or does not own it.`,
    { hint: `Run on the target, as the owner of the database: ${fix}`, facts: { fix }, cause },
  );
}

// GRANT without the right to pass it on only warns.
function mayNotConnect(database: string, admin: string): Failure {
  const fix = `GRANT CONNECT ON DATABASE ${quoteName(database)} TO ${quoteName(admin)} WITH GRANT OPTION;`;
  return new Failure(
    'unavailable',
    'target-right-missing',
    'The administrator may not let the kit’s login connect to the database.',
    { hint: `Run on the target, as the owner of the database: ${fix}`, facts: { fix } },
  );
}

async function findLogin(connection: Connection, login: string) {
  const [row] = await connection.rows(
    `SELECT oid::int8 AS oid, shobj_description(oid, 'pg_authid') AS comment FROM pg_roles WHERE rolname = $1`,
    [login],
  );
  return row === undefined ? null : { oid: number(row, 'oid'), comment: textOrNull(row, 'comment') };
}

/** `KitVerbs.look`. */
export async function lookAtKit(
  client: PostgresClient,
  plan: KitPlan<Entitlement>,
  tryLogin: boolean,
  signal: AbortSignal,
): Promise<KitLook> {
  const { database } = kitWay(client.access.settings, plan.entitlement, plan.login);
  const look = await withDatabase(client, database, signal, async (connection): Promise<KitLook> => {
    const row = only(await connection.rows(LOOK, [plan.login, functionSignature(plan.login)]));
    const exists = numberOrNull(row, 'oid') !== null;
    const opened = flag(row, 'has_table') ? await readOpenings(connection, plan.login) : [];
    return {
      exists,
      openings: opened,
      sessions: number(row, 'sessions'),
      problems: exists
        ? problemsOf(client, plan, row, opened.length > 0)
        : ['Its login is gone from the target.'],
    };
  });
  const mayTry = tryLogin && look.exists && look.openings.length === 0 && look.problems.length === 0;
  if (mayTry) {
    const refused = await loginProblem(client, database, plan.login, plan.password, signal);
    if (refused !== null) look.problems.push(refused);
  }
  return look;
}

const LOOK = `SELECT r.oid::int8 AS oid, r.rolcanlogin AS can_login, coalesce(r.rolvaliduntil <= now(), false) AS expired,
    (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls) AS powerful,
    shobj_description(r.oid, 'pg_authid') AS comment, current_setting('server_version_num')::int AS version,
    ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) AS member_of,
    (SELECT count(*) FROM pg_stat_get_activity(NULL) WHERE usesysid = r.oid)::int AS sessions,
    to_regclass('${KIT_SCHEMA}.openings') IS NOT NULL AS has_table,
    f.prosrc AS body, f.prosecdef AS definer, array_to_string(f.proconfig, ',') AS config,
    f.proowner = (SELECT oid FROM pg_roles WHERE rolname = current_user) AS own_function,
    ARRAY(SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END FROM aclexplode(f.proacl) a
      WHERE a.grantee <> f.proowner AND a.grantee <> r.oid) AS others,
    coalesce(has_function_privilege(r.oid, f.oid, 'EXECUTE'), false) AS may_call
  FROM (SELECT) one LEFT JOIN pg_roles r ON r.rolname = $1 LEFT JOIN pg_proc f ON f.oid = to_regprocedure($2)`;

function problemsOf(
  client: PostgresClient,
  plan: KitPlan<Entitlement>,
  row: Record<string, unknown>,
  opened: boolean,
): string[] {
  const problems: string[] = [];
  const mark = readMark(textOrNull(row, 'comment'));
  if (mark?.kit !== plan.kitId || !isOurs(mark, client.access.mark))
    return ['Its login does not carry the mark of this kit: somebody else has changed it.'];
  if (flag(row, 'powerful')) problems.push('Its login was given SUPERUSER, CREATEROLE or another attribute.');
  if (!flag(row, 'can_login')) problems.push('Its login may not log in any more (NOLOGIN).');
  if (flag(row, 'expired') && !opened) problems.push('Its login has expired on the target.');
  const group = taskRoleName(plan.taskId, plan.entitlement.database ?? client.access.settings.database);
  const version = number(row, 'version');
  const strange = texts(row, 'member_of').filter((role) => !(opened && role === group));
  if (strange.length > 0)
    problems.push(`Its login is a member of ${strange.join(', ')} although it was not opened.`);
  const wanted = functionBody({ login: plan.login, group, limitSeconds: plan.limitSeconds, version });
  const body = textOrNull(row, 'body');
  if (body === null) problems.push('Its function is gone from the target.');
  else if (
    body !== wanted ||
    !flag(row, 'definer') ||
    !flag(row, 'own_function') ||
    textOrNull(row, 'config') !== FUNCTION_CONFIG
  )
    problems.push('Its function is not the one that was made: somebody has changed it.');
  else if (!flag(row, 'may_call')) problems.push('Its login may not call its function any more.');
  const others = texts(row, 'others');
  if (others.length > 0) problems.push(`Its function may be called by ${others.join(', ')} too.`);
  return problems;
}

async function readOpenings(connection: Connection, login: string): Promise<KitOpening[]> {
  const rows = await connection.rows(
    `SELECT number, act, opened_at, until_at, holders, reason, client_address FROM ${KIT_SCHEMA}.openings
     WHERE login = $1 ORDER BY number LIMIT ${MOST_OPENINGS}`,
    [login],
  );
  return rows.map((row) => ({
    number: number(row, 'number'),
    act: actOf(text(row, 'act')),
    at: momentOf(row, 'opened_at'),
    until: momentOf(row, 'until_at'),
    holders: text(row, 'holders'),
    reason: text(row, 'reason'),
    clientAddress: textOrNull(row, 'client_address'),
  }));
}

const actOf = (act: string): KitOpening['act'] => (act === 'recorded' || act === 'let-in' ? act : 'refused');

function momentOf(row: Record<string, unknown>, column: string): string {
  const value = row[column];
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  throw new Failure(
    'unavailable',
    'target-error',
    `The target gave an unexpected answer (column ${column}).`,
  );
}

/** Logs in as the kit's holders would, and leaves; why it could not, or null. */
async function loginProblem(
  client: PostgresClient,
  database: string,
  user: string,
  password: Secret,
  signal: AbortSignal,
): Promise<string | null> {
  const attempt = new pg.Client({
    ...loginOptions(client.access, database),
    user,
    password: password.reveal(),
  });
  attempt.on('error', () => undefined);
  try {
    await untilAborted(signal, attempt.connect());
    return null;
  } catch (error) {
    if (codeOf(error) === WRONG_PASSWORD)
      return 'Its password does not work any more: somebody has changed it.';
    return `Its login is not let in: ${asFailure(error, 'connecting').message}`;
  } finally {
    void attempt.end().catch(() => undefined);
  }
}

/** `KitVerbs.remove`. */
export async function removeKit(
  client: PostgresClient,
  plan: KitPlan<Entitlement>,
  signal: AbortSignal,
): Promise<RevokeReport> {
  const { database } = kitWay(client.access.settings, plan.entitlement, plan.login);
  const group = taskRoleName(plan.taskId, database);
  const handle: Handle = { group, database, ...plan.handle, login: plan.login, kitId: plan.kitId };
  // Door, sessions and memberships first; then what hangs on the login, and then the login itself.
  const report = await revoke(client, handle, signal);
  if (report.observed === 'absent' && plan.handle.oid === undefined) {
    // It may never have been made; its function never without it.
    return report;
  }
  await withDatabase(client, database, signal, async (connection) => {
    const found = await findLogin(connection, plan.login);
    const mark = found === null ? null : readMark(found.comment);
    if (found !== null && (mark?.kit !== plan.kitId || !isOurs(mark, client.access.mark))) return;
    await connection.rows(forgetKitSql(plan.login, database));
  });
  if (report.observed === 'absent') return report;
  const again = await revoke(client, { ...handle, ...report.handle }, signal);
  return { ...again, sessionsEnded: again.sessionsEnded + report.sessionsEnded };
}
