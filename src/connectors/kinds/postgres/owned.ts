// What hangs on a login that is to be dropped: objects that it made, rights that others gave it. Objects are handed to
// a role without login and without rights (never to a powerful one: their code would run with its power), and nothing
// is ever destroyed: DROP OWNED comes only behind a REASSIGN in the same transaction that left nothing to destroy.

import { codeOf, conflict } from '../../../base/errors.ts';
import type { Mark } from '../../contract.ts';
import { describeTableHolders, LOCK_CODES } from './blockers.ts';
import { type Connection, type PostgresClient, withDatabase } from './client.ts';
import { isDatabaseError } from './failures.ts';
import { isOurs, quarantineName, quoteName, quoteText, readMark, writeMark } from './names.ts';
import { flag, number, numberOrNull, only, text, textOrNull, texts } from './row.ts';
import { MEMBERSHIP_OPTIONS_VERSION } from './statements.ts';

const MOST_DATABASES = 50;
const MOST_SCHEMAS = 200;
const MOST_NAMED = 20;

export interface Cleared {
  /** What was handed over, in words. */
  quarantined: string[];
  /** What could not be, in words with the SQL that would free it. */
  blockers: string[];
}

interface Login {
  oid: number;
  login: string;
}

/** Clears every database in which something hangs on the login. Never throws for one that it cannot clear. */
export async function clearDependents(
  client: PostgresClient,
  login: Login,
  signal: AbortSignal,
): Promise<Cleared> {
  const own = client.access.settings.database;
  const databases = await withDatabase(client, own, signal, async (connection) => {
    const rows = await connection.rows(
      `SELECT ARRAY(SELECT DISTINCT coalesce(d.datname::text, $2) FROM pg_shdepend s LEFT JOIN pg_database d ON d.oid = s.dbid
         WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1 AND s.classid <> 'pg_auth_members'::regclass
         LIMIT ${MOST_DATABASES}) AS names`,
      [login.oid, own],
    );
    return texts(only(rows), 'names');
  });
  const cleared: Cleared = { quarantined: [], blockers: [] };
  for (const database of databases) {
    try {
      const one = await withDatabase(client, database, signal, (connection) =>
        clearOne(client, connection, login),
      );
      const where = database === own ? '' : ` in database ${database}`;
      cleared.quarantined.push(...one.quarantined.map((line) => `${line}${where}`));
      cleared.blockers.push(...one.blockers.map((line) => `${line}${where}`));
    } catch (error) {
      if (signal.aborted) throw error;
      const name = quoteName(login.login);
      cleared.blockers.push(
        `Database ${database} could not be looked into (${codeOf(error) ?? 'no answer'}). There, run: REASSIGN OWNED BY ${name} TO …; REVOKE what it was given.`,
      );
    }
  }
  return cleared;
}

interface Dependent {
  what: string;
  /** `owned` can be handed over; `defaults` are default privileges (no data); `policy` names the login in a policy. */
  kind: 'owned' | 'defaults' | 'right' | 'policy';
  /** The relation that would have to be locked, if it is one. */
  relation: number | null;
  /** What to run, and as whom, where that can be said. */
  fix: string | null;
}

async function clearOne(client: PostgresClient, connection: Connection, login: Login): Promise<Cleared> {
  const found = await dependentsOf(connection, login);
  if (found.length === 0) return { quarantined: [], blockers: [] };
  const quarantine = quarantineName(client.access.mark);
  const owned = found.filter((item) => item.kind === 'owned');
  const first = await handOver(connection, login, quarantine, client.access.mark, false);
  if (first !== null && owned.length > 0)
    return { quarantined: [], blockers: await explain(connection, login, owned, first) };
  const quarantined = owned.map((item) => `${item.what}, now owned by ${quarantine}`);
  await handOver(connection, login, quarantine, client.access.mark, true);
  const left = await dependentsOf(connection, login);
  return { quarantined, blockers: left.map((item) => describe(item, login)) };
}

/**
 * REASSIGN, and with `alsoRights` DROP OWNED behind it, which then only takes rights and default privileges away.
 * One transaction, all or nothing. Gives the SQLSTATE when the target would not, or null.
 */
async function handOver(
  connection: Connection,
  login: Login,
  quarantine: string,
  mark: Mark,
  alsoRights: boolean,
): Promise<string | null> {
  try {
    await connection.rows('BEGIN');
    await ensureQuarantine(connection, quarantine, mark);
    const facts = await handOverFacts(connection, login);
    const name = quoteName(login.login);
    const keeper = quoteName(quarantine);
    // To hand over, one must be able to act as both. Nothing of this is seen outside this transaction.
    const options = facts.version >= MEMBERSHIP_OPTIONS_VERSION ? ' WITH INHERIT TRUE, SET TRUE' : '';
    const join = [name, keeper].map((role) => `GRANT ${role} TO CURRENT_USER${options}`);
    const leave = [name, keeper].map((role) => `REVOKE ${role} FROM CURRENT_USER`);
    // Who takes over an object must be allowed to make one where it stands.
    const open = facts.schemas.map((schema) => `GRANT CREATE ON SCHEMA ${quoteName(schema)} TO ${keeper}`);
    const shut = facts.schemas.map((schema) => `REVOKE CREATE ON SCHEMA ${quoteName(schema)} FROM ${keeper}`);
    const lines = [
      ...(facts.superuser ? [] : join),
      ...open,
      `REASSIGN OWNED BY ${name} TO ${keeper}`,
      ...shut,
    ];
    await connection.rows(lines.join(';\n'));
    if (alsoRights) {
      const left = await dependentsOf(connection, login);
      const harmless = left.every((item) => item.kind === 'right' || item.kind === 'defaults');
      if (harmless) await connection.rows(`DROP OWNED BY ${name}`);
    }
    if (!facts.superuser) await connection.rows(leave.join(';\n'));
    await connection.rows('COMMIT');
    return null;
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined || !isDatabaseError(error)) throw error;
    await connection.rows('ROLLBACK');
    return code;
  }
}

async function handOverFacts(connection: Connection, login: Login) {
  const rows = await connection.rows(
    `SELECT rolsuper AS superuser, current_setting('server_version_num')::int AS version,
       ARRAY(SELECT DISTINCT n.nspname::text FROM pg_shdepend s
         LEFT JOIN pg_class c ON s.classid = 'pg_class'::regclass AND c.oid = s.objid
         LEFT JOIN pg_proc f ON s.classid = 'pg_proc'::regclass AND f.oid = s.objid
         LEFT JOIN pg_type t ON s.classid = 'pg_type'::regclass AND t.oid = s.objid
         JOIN pg_namespace n ON n.oid = coalesce(c.relnamespace, f.pronamespace, t.typnamespace)
         WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1 AND s.deptype = 'o'
           AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
         LIMIT ${MOST_SCHEMAS}) AS schemas
     FROM pg_roles WHERE rolname = current_user`,
    [login.oid],
  );
  const row = only(rows);
  return {
    superuser: flag(row, 'superuser'),
    version: number(row, 'version'),
    schemas: texts(row, 'schemas'),
  };
}

/** Makes it, or makes sure that the one that is there can neither log in nor do anything. */
async function ensureQuarantine(connection: Connection, name: string, mark: Mark): Promise<void> {
  const [row] = await connection.rows(
    `SELECT shobj_description(oid, 'pg_authid') AS comment,
       (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
        OR EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid)
        OR EXISTS (SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = r.oid AND deptype = 'a'
                   AND classid <> 'pg_auth_members'::regclass)) AS powerful
     FROM pg_roles r WHERE rolname = $1`,
    [name],
  );
  if (row === undefined) {
    const comment = quoteText(
      writeMark(mark, { label: 'Keeps what grants left behind. Look at it, then drop it.' }),
    );
    await connection.rows(
      `CREATE ROLE ${quoteName(name)} NOLOGIN; COMMENT ON ROLE ${quoteName(name)} IS ${comment}`,
    );
    return;
  }
  if (flag(row, 'powerful') || !isOurs(readMark(textOrNull(row, 'comment')), mark))
    throw conflict('target-quarantine-changed', `The role "${name}" was changed by somebody else.`);
}

/** In this database, and on the server as a whole. */
async function dependentsOf(connection: Connection, login: Login): Promise<Dependent[]> {
  const role = quoteName(login.login);
  const rows = await connection.rows(
    `SELECT pg_describe_object(s.classid, s.objid, s.objsubid) AS what,
       CASE WHEN s.deptype = 'r' THEN 'policy' WHEN s.deptype <> 'o' THEN 'right'
         WHEN s.classid = 'pg_default_acl'::regclass THEN 'defaults' ELSE 'owned' END AS kind,
       CASE WHEN s.classid = 'pg_class'::regclass THEN s.objid::int8 END AS relation,
       'REVOKE ALL ON ' || CASE s.classid
         WHEN 'pg_class'::regclass THEN CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || s.objid::regclass
         WHEN 'pg_namespace'::regclass THEN 'SCHEMA ' || s.objid::regnamespace
         WHEN 'pg_proc'::regclass THEN 'ROUTINE ' || s.objid::regprocedure
         WHEN 'pg_database'::regclass THEN 'DATABASE ' || (SELECT quote_ident(datname) FROM pg_database WHERE oid = s.objid)
       END AS revoke,
       (SELECT string_agg(DISTINCT a.grantor::regrole::text, ', ') FROM aclexplode(
         CASE s.classid WHEN 'pg_class'::regclass THEN c.relacl
           WHEN 'pg_namespace'::regclass THEN (SELECT nspacl FROM pg_namespace WHERE oid = s.objid)
           WHEN 'pg_proc'::regclass THEN (SELECT proacl FROM pg_proc WHERE oid = s.objid)
           WHEN 'pg_database'::regclass THEN (SELECT datacl FROM pg_database WHERE oid = s.objid) END) a
        WHERE a.grantee = $1) AS grantor
     FROM pg_shdepend s LEFT JOIN pg_class c ON s.classid = 'pg_class'::regclass AND c.oid = s.objid
     WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1 AND s.classid <> 'pg_auth_members'::regclass
       AND s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
     ORDER BY 2, 1 LIMIT ${MOST_NAMED}`,
    [login.oid],
  );
  return rows.map((row) => {
    const revoke = textOrNull(row, 'revoke');
    const grantor = textOrNull(row, 'grantor');
    return {
      what: textOrNull(row, 'what') ?? 'an object that was just dropped',
      kind: kindOf(text(row, 'kind')),
      relation: numberOrNull(row, 'relation'),
      fix: revoke === null ? null : `${revoke} FROM ${role};${grantor === null ? '' : ` (as ${grantor})`}`,
    };
  });
}

function kindOf(kind: string): Dependent['kind'] {
  return kind === 'owned' || kind === 'defaults' || kind === 'policy' ? kind : 'right';
}

function describe(item: Dependent, { login }: Login): string {
  if (item.kind === 'owned')
    return `${login} owns ${item.what}. To hand it over: REASSIGN OWNED BY ${quoteName(login)} TO …;`;
  if (item.kind === 'policy')
    return `${item.what} names ${login}. To free it: ALTER POLICY … TO another role.`;
  if (item.kind === 'defaults') return `${item.what} belong to ${login}.`;
  return `Somebody gave ${login} rights on ${item.what}.${item.fix === null ? '' : ` To take them away: ${item.fix}`}`;
}

async function explain(
  connection: Connection,
  login: Login,
  owned: Dependent[],
  code: string,
): Promise<string[]> {
  const told = owned.map((item) => describe(item, login));
  if (!LOCK_CODES.has(code)) return [...told, `Handing over was refused (SQLSTATE ${code}).`];
  const relations = owned.map((item) => item.relation).filter((oid) => oid !== null);
  return [...(await describeTableHolders(connection, relations)), ...told];
}
