// The SQL that ends many logins at once: what `endLogin` (statements.ts) does to one, in the same order and under the
// same conditions, with one look, one commit and one plan for all. A login that does not meet a condition is left as it
// is, without an error: whoever wants it gone goes on with it alone.

import type { Mark } from '../../contract.ts';
import { block, quoteText } from './names.ts';
import { dependents, type EndPlan, inTransaction, markedByOthers, SHUT, sessionsOf } from './statements.ts';

export type Login = Pick<EndPlan, 'login' | 'oid'>;

/**
 * No new login and no password, committed; then the backends of those logins are told to stop. Gives `oid` and `ended`
 * (process ids) of each that had any.
 */
export function shutDoors(logins: Login[], mark: Mark): string {
  return `${inTransaction(forEach(`ALTER ROLE %I ${SHUT}`, ours(logins, mark)))};
SELECT usesysid::int8 AS oid, coalesce(array_agg(pid) FILTER (WHERE pg_terminate_backend(pid)), '{}') AS ended
FROM pg_stat_get_activity(NULL) WHERE usesysid IN (SELECT r.oid ${ours(logins, mark)}) GROUP BY usesysid`;
}

/**
 * Drops those of them that nothing hangs on and nobody uses by now, all or none. Gives `oid` of each of `logins` of which
 * there is no role, no session and no membership in either direction.
 */
export function dropAll(logins: Login[], mark: Mark): string {
  const free = `${ours(logins, mark)} AND NOT EXISTS (SELECT ${dependents('r.oid')})
AND NOT EXISTS (SELECT ${sessionsOf('r.oid')})`;
  return `${inTransaction(forEach('DROP ROLE %I', free))};
SELECT o.oid::int8 AS oid FROM unnest(ARRAY[${logins.map(({ oid }) => oid).join(', ')}]::oid[]) o (oid)
WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = o.oid)
AND NOT EXISTS (SELECT ${sessionsOf('o.oid')})
AND NOT EXISTS (SELECT FROM pg_auth_members WHERE member = o.oid)
AND NOT EXISTS (SELECT FROM pg_auth_members WHERE roleid = o.oid)`;
}

/** Those that we made, still under their names, and marked by nobody else since. */
function ours(logins: Login[], mark: Mark): string {
  const pairs = logins.map(({ login, oid }) => `(${oid}::oid, ${quoteText(login)})`).join(', ');
  return `FROM pg_roles r JOIN (VALUES ${pairs}) v (oid, login) ON r.oid = v.oid AND r.rolname = v.login
WHERE NOT ${markedByOthers('r.oid', mark)}`;
}

/** Always in the same order, so that two that meet wait for each other and do not deadlock. */
function forEach(statement: string, roles: string): string {
  return block(`DECLARE names text[]; name text; BEGIN
names := ARRAY(SELECT r.rolname::text ${roles} ORDER BY r.oid);
FOREACH name IN ARRAY names LOOP EXECUTE format(${quoteText(statement)}, name); END LOOP; END`);
}
