// What works on a target and what is weaker than promised, each with the SQL that mends it. Nothing is changed here,
// and nothing stops at the first finding: an administrator wants to see all of them at once.

import { Failure } from '../../../base/errors.ts';
import type { CheckItem } from '../../contract.ts';
import { checkNodes } from './check-nodes.ts';
import { checkAdmin, checkLiveRoles, checkTasks } from './check-rights.ts';
import { type Connection, type PostgresClient, withConnection } from './client.ts';
import type { Entitlement } from './entitlement.ts';
import { ANY_MARK_PREFIX, quoteName, readMark } from './names.ts';
import { skewSeconds } from './node-health.ts';
import { flag, number, only, text, texts } from './row.ts';
import { MEMBERSHIP_OPTIONS_VERSION } from './statements.ts';

const OLDEST_VERSION = 150_000;
/** lifecycle.md: more than this is told. */
const MOST_SKEW_SECONDS = 5;
const MOST_NAMED = 10;

/** `Connector.check`; `tasks` are those that are offered on this target. Never rejects for a target that is down. */
export async function check(
  client: PostgresClient,
  signal: AbortSignal,
  tasks: Entitlement[],
): Promise<CheckItem[]> {
  try {
    return await withConnection(client, signal, async (connection) => {
      const server = await checkServer(connection, client);
      const items = server.items;
      items.push(...(await checkAdmin(connection, client.access.admin.user, server.version)));
      items.push(await checkLiveRoles(connection, client.access, server.version));
      items.push(...(await checkTasks(connection, client.access, tasks, server.version)));
      items.push(await checkPublicConnect(connection), await checkPublicCreate(connection));
      items.push(
        await checkPasswords(connection),
        await checkHba(connection, server.version),
        ...(await checkNodes(connection, client, signal)),
      );
      items.push(await checkPrepared(connection), await checkMarks(connection, client), checkTls(client));
      return items;
    });
  } catch (error) {
    if (!(error instanceof Failure) || signal.aborted) throw error;
    const detail = error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
    return [{ name: 'reachable', status: 'fail', detail, blocks: true }];
  }
}

async function checkServer(
  connection: Connection,
  client: PostgresClient,
): Promise<{ items: CheckItem[]; version: number }> {
  const before = Date.now();
  const row = only(
    await connection.rows(
      `SELECT current_setting('server_version') AS version_text, current_setting('server_version_num')::int AS version,
         pg_is_in_recovery() AS standby, (extract(epoch FROM clock_timestamp()) * 1000)::int8 AS now_ms`,
    ),
  );
  const version = number(row, 'version');
  client.version = version;
  const skew = skewSeconds(before, number(row, 'now_ms'), Date.now());
  const items: CheckItem[] = [
    { name: 'reachable', status: 'ok', detail: 'The administrator can log in.' },
    version < OLDEST_VERSION
      ? {
          name: 'version',
          status: 'fail',
          detail: `PostgreSQL ${text(row, 'version_text')}; 15 or later is needed.`,
        }
      : { name: 'version', status: 'ok', detail: `PostgreSQL ${text(row, 'version_text')}.` },
    skew > MOST_SKEW_SECONDS
      ? {
          name: 'clock',
          status: 'warn',
          detail: `The target’s clock differs by ${skew.toFixed(1)} s from this machine’s; more than ${MOST_SKEW_SECONDS} s is too much.`,
          fix: 'Synchronise both machines (chrony or systemd-timesyncd).',
        }
      : { name: 'clock', status: 'ok', detail: 'The clocks agree.' },
  ];
  if (flag(row, 'standby'))
    items.push({
      name: 'primary',
      status: 'fail',
      detail: 'This server is a standby: logins can only be made and ended on the primary.',
      blocks: true,
    });
  return { items, version };
}

async function checkPublicConnect(connection: Connection): Promise<CheckItem> {
  const rows = await connection.rows(
    `SELECT ARRAY(SELECT d.datname::text FROM pg_database d,
       aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
       WHERE d.datallowconn AND d.datname <> current_database() AND a.grantee = 0 AND a.privilege_type = 'CONNECT'
       ORDER BY 1) AS names`,
  );
  const names = texts(only(rows), 'names');
  if (names.length === 0)
    return { name: 'other-databases', status: 'ok', detail: 'PUBLIC may connect to no other database.' };
  return {
    name: 'other-databases',
    status: 'warn',
    detail: `PUBLIC, and so every grant that logs in past the gateway, may connect to ${names.slice(0, MOST_NAMED).join(', ')}. The gateway keeps a grant to its own database.`,
    fix: names.map((name) => `REVOKE CONNECT ON DATABASE ${quoteName(name)} FROM PUBLIC;`).join('\n'),
  };
}

async function checkPublicCreate(connection: Connection): Promise<CheckItem> {
  const rows = await connection.rows(
    `SELECT ARRAY(SELECT n.nspname::text FROM pg_namespace n, aclexplode(n.nspacl) a
       WHERE a.grantee = 0 AND a.privilege_type = 'CREATE' ORDER BY 1) AS names`,
  );
  const names = texts(only(rows), 'names');
  if (names.length === 0)
    return { name: 'public-create', status: 'ok', detail: 'PUBLIC may create in no schema.' };
  return {
    name: 'public-create',
    status: 'warn',
    detail: `Everybody, and so every grant, may create objects in ${names.slice(0, MOST_NAMED).join(', ')}: a way to trick others into running one’s code.`,
    fix: names.map((name) => `REVOKE CREATE ON SCHEMA ${quoteName(name)} FROM PUBLIC;`).join('\n'),
  };
}

async function checkPasswords(connection: Connection): Promise<CheckItem> {
  const row = only(await connection.rows(`SELECT current_setting('password_encryption') AS method`));
  if (text(row, 'method') === 'scram-sha-256')
    return { name: 'passwords', status: 'ok', detail: 'New passwords are kept as SCRAM verifiers.' };
  return {
    name: 'passwords',
    status: 'warn',
    detail:
      'The server keeps new passwords as MD5. Grants bring their own SCRAM verifier; other roles are weaker.',
    fix: `ALTER SYSTEM SET password_encryption = 'scram-sha-256'; SELECT pg_reload_conf();`,
  };
}

/** A grant can change its own password and log in directly (lifecycle.md), unless pg_hba keeps it out. */
async function checkHba(connection: Connection, version: number): Promise<CheckItem> {
  // Patterns for users came with 16; before it, members of each task's role can be named.
  const users = version >= MEMBERSHIP_OPTIONS_VERSION ? '"/^sp_"' : '+sp_task_…';
  const fix = [
    `# pg_hba.conf, above the other lines${users.startsWith('+') ? ', two for each role that begins with sp_task_' : ''}; put the gateway’s address in place of GATEWAY:`,
    `host  all  ${users}  GATEWAY/32  scram-sha-256`,
    `host  all  ${users}  all         reject`,
  ].join('\n');
  const readable = only(
    await connection.rows(
      `SELECT has_table_privilege('pg_hba_file_rules', 'SELECT') AND has_function_privilege('pg_hba_file_rules()', 'EXECUTE') AS readable`,
    ),
  );
  if (!flag(readable, 'readable'))
    return {
      name: 'direct-login',
      status: 'warn',
      detail:
        'pg_hba.conf cannot be read by the administrator: see to it that logins that begin with sp_ come from the gateway only.',
      fix,
    };
  const rows = await connection.rows(
    `SELECT ARRAY(SELECT 'line ' || line_number || ' (' || auth_method || ')' FROM pg_hba_file_rules
       WHERE error IS NULL AND type <> 'local' AND 'all' = ANY (user_name) AND auth_method <> 'reject'
         AND line_number < coalesce((SELECT min(line_number) FROM pg_hba_file_rules
           WHERE auth_method = 'reject' AND user_name::text LIKE '%sp\\_%'), 1000000)
       ORDER BY line_number) AS open,
     ARRAY(SELECT 'line ' || line_number || ' (' || auth_method || ')' FROM pg_hba_file_rules
       WHERE error IS NULL AND auth_method IN ('trust', 'md5', 'password') ORDER BY line_number) AS weak`,
  );
  const open = texts(only(rows), 'open');
  const weak = texts(only(rows), 'weak');
  if (open.length === 0 && weak.length === 0)
    return {
      name: 'direct-login',
      status: 'ok',
      detail: 'pg_hba.conf keeps grants from logging in past the gateway.',
    };
  const detail = [
    open.length === 0
      ? ''
      : `pg_hba.conf lets grants log in past the gateway: ${open.slice(0, MOST_NAMED).join(', ')}.`,
    weak.length === 0 ? '' : `It trusts or asks for weak passwords: ${weak.slice(0, MOST_NAMED).join(', ')}.`,
  ];
  return {
    name: 'direct-login',
    status: 'warn',
    detail: detail.filter((line) => line !== '').join(' '),
    fix,
  };
}

/** A prepared transaction belongs to no session: it outlives its grant, and whoever may can commit it later. */
async function checkPrepared(connection: Connection): Promise<CheckItem> {
  const row = only(await connection.rows(`SELECT current_setting('max_prepared_transactions')::int AS most`));
  if (number(row, 'most') === 0)
    return { name: 'prepared-transactions', status: 'ok', detail: 'Prepared transactions are switched off.' };
  return {
    name: 'prepared-transactions',
    status: 'warn',
    detail: 'A grant can leave a prepared transaction behind, which revocation does not end.',
    fix: 'ALTER SYSTEM SET max_prepared_transactions = 0; -- and restart, unless an application needs them',
  };
}

/** operate.md, "Restore and clones": a newer epoch of ours means that this installation is an old copy. */
async function checkMarks(connection: Connection, client: PostgresClient): Promise<CheckItem> {
  const { installation, epoch } = client.access.mark;
  const rows = await connection.rows(
    `SELECT ARRAY(SELECT description FROM pg_shdescription
       WHERE classoid = 'pg_authid'::regclass AND starts_with(description, $1)) AS marks`,
    [ANY_MARK_PREFIX],
  );
  const marks = texts(only(rows), 'marks')
    .map(readMark)
    .filter((mark) => mark !== null);
  const newer = marks.filter((mark) => mark.installation === installation && mark.epoch > epoch).length;
  if (newer > 0)
    return {
      name: 'marks',
      status: 'fail',
      detail: `${newer} roles carry a newer epoch of this installation: it looks like an old copy or a restored backup. They are not touched.`,
    };
  const others = new Set(
    marks.filter((mark) => mark.installation !== installation).map((mark) => mark.installation),
  );
  return {
    name: 'marks',
    status: 'ok',
    detail:
      others.size === 0
        ? 'No other installation works here.'
        : `${others.size} other installation(s) work here too; what is theirs is not touched.`,
  };
}

function checkTls(client: PostgresClient): CheckItem {
  const { host, tls, ca } = client.access.settings;
  const local = host === 'localhost' || host === '::1' || host.startsWith('127.');
  if (local || (tls === 'require' && ca !== undefined))
    return {
      name: 'tls',
      status: 'ok',
      detail: local ? 'The target is on this machine.' : 'TLS is verified.',
    };
  const detail =
    tls === 'require'
      ? 'TLS is on, but the server is not verified: no authority is configured.'
      : `TLS is not required (tls: ${tls}): somebody on the way can read and change everything.`;
  return {
    name: 'tls',
    status: 'warn',
    detail,
    fix: 'Set tls to "require" and ca to the authority’s certificate.',
  };
}
