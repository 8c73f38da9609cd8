// What the administrator may do on a target, and what it lacks for the tasks that are offered there.

import { Failure } from '../../../base/errors.ts';
import type { CheckItem, TargetAccess } from '../../contract.ts';
import type { Connection } from './client.ts';
import type { Entitlement } from './entitlement.ts';
import { asFailure, isDatabaseError } from './failures.ts';
import { ownMarkPrefix, quoteName } from './names.ts';
import { mayPassOn, type ObjectRight, wantedRights } from './object-rights.ts';
import { requiredRolesSql } from './required-rights.ts';
import { flag, number, only, texts } from './row.ts';
import type { TargetSettings } from './settings.ts';
import { MEMBERSHIP_OPTIONS_VERSION } from './statements.ts';

/** Printed at once; the next check prints the next. */
const MOST_FIXED = 200;

/** Roles are made, shut and dropped, and sessions ended: superuser is not needed for that. */
export async function checkAdmin(
  connection: Connection,
  admin: string,
  version: number,
): Promise<CheckItem[]> {
  const row = only(
    await connection.rows(
      `SELECT rolsuper AS superuser, rolcreaterole AS createrole,
         pg_has_role(current_user, 'pg_signal_backend', 'USAGE') AS signal FROM pg_roles WHERE rolname = current_user`,
    ),
  );
  if (flag(row, 'superuser'))
    return [
      {
        name: 'administrator',
        status: 'warn',
        detail: `${admin} is a superuser. Less will do: CREATEROLE, pg_signal_backend and the rights of the tasks with GRANT OPTION.`,
        fix: [`CREATE ROLE sallyport_admin LOGIN PASSWORD '…';`, ...requiredRolesSql('sallyport_admin')].join(
          '\n',
        ),
      },
    ];
  const [createRole = '', signal = ''] = requiredRolesSql(admin);
  const items: CheckItem[] = [
    flag(row, 'createrole')
      ? { name: 'administrator', status: 'ok', detail: `${admin} may make and end logins.` }
      : {
          name: 'administrator',
          status: 'fail',
          detail: `${admin} may not make roles.`,
          fix: createRole,
          blocks: true,
        },
    flag(row, 'signal')
      ? { name: 'end-sessions', status: 'ok', detail: `${admin} may end sessions.` }
      : {
          name: 'end-sessions',
          status: 'fail',
          detail: `${admin} may not end sessions of others.`,
          fix: signal,
          blocks: true,
        },
  ];
  if (version < MEMBERSHIP_OPTIONS_VERSION)
    items.push({
      name: 'createrole',
      status: 'warn',
      detail:
        'On PostgreSQL 15 CREATEROLE may give any role but superuser, pg_execute_server_program included: “not a superuser” is in name only there.',
      fix: 'Upgrade to PostgreSQL 16 or later.',
    });
  return items;
}

/** Roles that are there already: since 16 another administrator may not touch what its predecessor made. */
export async function checkLiveRoles(
  connection: Connection,
  access: TargetAccess<TargetSettings>,
  version: number,
): Promise<CheckItem> {
  const name = 'live-logins';
  const admin = access.admin.user;
  if (version < MEMBERSHIP_OPTIONS_VERSION)
    return { name, status: 'ok', detail: `${admin} may end every login that Sallyport made.` };
  const row = only(
    await connection.rows(
      `WITH others AS (SELECT r.rolname::text AS name FROM pg_roles r
         JOIN pg_shdescription d ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass
         WHERE starts_with(d.description, $1) AND NOT pg_has_role(current_user, r.oid, 'MEMBER WITH ADMIN OPTION')
           AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user))
       SELECT (SELECT count(*) FROM others)::int AS count,
         ARRAY(SELECT name FROM others ORDER BY 1 LIMIT ${MOST_FIXED}) AS names`,
      [ownMarkPrefix(access.mark)],
    ),
  );
  const names = texts(row, 'names');
  if (names.length === 0)
    return { name, status: 'ok', detail: `${admin} may end every login that Sallyport made.` };
  return {
    name,
    status: 'fail',
    detail: `${admin} may not end ${number(row, 'count')} roles that another administrator made for Sallyport. Run this as that one, or as a superuser.`,
    fix: names
      .map(
        (role) =>
          `GRANT ${quoteName(role)} TO ${quoteName(admin)} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;`,
      )
      .join('\n'),
    blocks: true,
  };
}

/** One item for all tasks: what cannot be passed on, with the GRANT that would allow it. */
export async function checkTasks(
  connection: Connection,
  access: TargetAccess<TargetSettings>,
  tasks: Entitlement[],
  version: number,
): Promise<CheckItem[]> {
  const fixes = new Set<string>();
  const items: CheckItem[] = [];
  const own = access.settings.database;
  for (const task of tasks) {
    if ((task.database ?? own) !== own) continue;
    try {
      const wanted = await wantedRights(connection, task, own);
      for (const right of wanted)
        if (!(await mayPassOn(connection, right))) fixes.add(fixFor(right, access.admin.user));
      if (task.actAs !== undefined)
        for (const line of await ownerFix(connection, task.actAs, access.admin.user, version))
          fixes.add(line);
    } catch (error) {
      const failure =
        error instanceof Failure || !isDatabaseError(error) ? error : asFailure(error, 'working');
      if (!(failure instanceof Failure)) throw failure;
      items.push({ name: 'task-objects', status: 'fail', detail: failure.message });
    }
  }
  if (fixes.size > 0)
    items.push({
      name: 'task-rights',
      status: 'fail',
      detail: `${access.admin.user} cannot give everything that the tasks here name. Run this as the owner or a superuser.`,
      fix: [...fixes].join('\n'),
    });
  else if (tasks.length > 0 && items.length === 0)
    items.push({
      name: 'task-rights',
      status: 'ok',
      detail: 'Everything that the tasks here name can be given.',
    });
  return items;
}

function fixFor(right: ObjectRight, admin: string): string {
  const column = right.column === '' ? '' : ` (${right.column})`;
  return `GRANT ${right.privilege}${column} ON ${right.on} ${right.object} TO ${quoteName(admin)} WITH GRANT OPTION;`;
}

async function ownerFix(
  connection: Connection,
  owner: string,
  admin: string,
  version: number,
): Promise<string[]> {
  const row = only(
    await connection.rows(
      `SELECT count(*)::int AS there, coalesce(bool_or(rolsuper), false) AS superuser,
         coalesce(bool_or(pg_has_role(current_user, oid, 'MEMBER WITH ADMIN OPTION')), false) AS may
       FROM pg_roles WHERE rolname = $1`,
      [owner],
    ),
  );
  if (number(row, 'there') === 0)
    throw new Failure('unavailable', 'target-object-missing', `There is no role ${owner} on the target.`);
  if (flag(row, 'superuser'))
    throw new Failure(
      'unavailable',
      'target-owner-superuser',
      `${owner} is a superuser: no task may act as it.`,
    );
  // On 15 CREATEROLE is enough.
  if (flag(row, 'may') || version < MEMBERSHIP_OPTIONS_VERSION) return [];
  return [`GRANT ${quoteName(owner)} TO ${quoteName(admin)} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;`];
}
