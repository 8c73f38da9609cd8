// The SQL of the ordinary case: one round trip that makes a login, one that ends it. Everything is one text a trip,
// because a busy target is bound by trips and commits. Names are generated (`^[a-z0-9_]{1,63}$`) and quoted, other
// texts are literals; a text with BEGIN and COMMIT inside commits at each COMMIT, whatever comes after.

import type { Mark } from '../../contract.ts';
import { ANY_MARK_PREFIX, block, ownMarkPrefix, quoteName, quoteText } from './names.ts';

// Catalogs have fixed OIDs (pg_authid.h, pg_auth_members.h); as numbers they save the server a look-up in each text.
export const ROLES = 1260;
export const MEMBERSHIPS = 1261;

/** Sessions of one grant on the target at a time; the gateway has a limit of its own. */
export const CONNECTION_LIMIT = 100;

/** PostgreSQL 16 made INHERIT and SET options of each membership. */
export const MEMBERSHIP_OPTIONS_VERSION = 160_000;

export interface LoginPlan {
  login: string;
  verifier: string;
  nativeExpirySeconds: number;
  mark: string;
  group: string;
  /** The role that sessions act as, for `actAs`. */
  owner: string | null;
  readOnly: boolean;
  statementTimeoutSeconds: number | null;
  /** Set when it is not just `public`. */
  searchPath: string[] | null;
  /** `server_version_num`. */
  version: number;
}

/** Raised by `endLogin` when the role of that name is not the one that we made. */
export const NOT_OURS = 'SP001';

/**
 * The role that we made, still under that name. Its OID says so; the comment may have been changed by hand since, and
 * only a mark of somebody else takes it away from us.
 */
const isOurs = (plan: EndPlan) =>
  `to_regrole(${quoteText(quoteName(plan.login))})::oid = ${plan.oid} AND NOT ${markedByOthers(plan.oid, plan.mark)}`;

/** By another installation, or in an epoch of ours that we do not know. `oid`: of a role, a number or a column. */
export const markedByOthers = (oid: number | string, mark: Mark) =>
  `EXISTS (SELECT FROM pg_shdescription
WHERE objoid = ${oid} AND classoid = ${ROLES} AND starts_with(description, ${quoteText(ANY_MARK_PREFIX)})
AND NOT (starts_with(description, ${quoteText(ownMarkPrefix(mark))})
AND substring(description FROM '"epoch":([0-9]{1,9})')::int <= ${mark.epoch}))`;

/** What hangs on a role, a number or a column. Memberships do too since 16, and go with it. */
export const dependents = (oid: number | string) =>
  `FROM pg_shdepend WHERE refclassid = ${ROLES} AND refobjid = ${oid} AND classid <> ${MEMBERSHIPS}`;

/** Of a role, a number or a column; by OID, since a name is NULL there once its role is dropped (lifecycle.md). */
export const sessionsOf = (oid: number | string) => `FROM pg_stat_get_activity(NULL) WHERE usesysid = ${oid}`;

/** The login's attributes and memberships, in PL/pgSQL; `verb` is CREATE or ALTER (which makes an old one whole). */
function loginBody(plan: LoginPlan, verb: 'CREATE' | 'ALTER'): string {
  const login = quoteName(plan.login);
  const head = `${verb} ROLE ${login} LOGIN CONNECTION LIMIT ${CONNECTION_LIMIT} PASSWORD %L VALID UNTIL %L`;
  const expiry = `now() + interval '${Math.ceil(plan.nativeExpirySeconds)} seconds'`;
  const newer = plan.version >= MEMBERSHIP_OPTIONS_VERSION;
  const lines = [
    // VALID UNTIL takes no expression, and the time must be the target's own.
    `EXECUTE format(${quoteText(head)}, ${quoteText(plan.verifier)}, ${expiry})`,
    `COMMENT ON ROLE ${login} IS ${quoteText(plan.mark)}`,
    `GRANT ${quoteName(plan.group)} TO ${login}${newer ? ' WITH INHERIT TRUE, SET FALSE' : ''}`,
    // A backend whose client is gone stops within a second, so that a cut at the gateway is a cut here.
    `ALTER ROLE ${login} SET client_connection_check_interval = '1s'`,
  ];
  if (plan.readOnly) lines.push(`ALTER ROLE ${login} SET default_transaction_read_only = on`);
  if (plan.statementTimeoutSeconds !== null)
    lines.push(`ALTER ROLE ${login} SET statement_timeout = '${plan.statementTimeoutSeconds}s'`);
  if (plan.searchPath !== null)
    lines.push(
      `ALTER ROLE ${login} SET search_path = ${plan.searchPath.map((name) => quoteName(name)).join(', ')}`,
    );
  if (plan.owner !== null) {
    const owner = quoteName(plan.owner);
    lines.push(`GRANT ${owner} TO ${login}${newer ? ' WITH INHERIT FALSE, SET TRUE' : ''}`);
    lines.push(`ALTER ROLE ${login} SET role = ${owner}`);
  }
  return `BEGIN ${lines.join('; ')}; END`;
}

/** Makes the login, all or nothing. Gives `oid`, and `group_mark`: the comment of the task's role at that moment. */
export function createLogin(plan: LoginPlan): string {
  return [block(loginBody(plan, 'CREATE')), readLogin(plan)].join(';\n');
}

/** The same for a login of ours that is there already, perhaps half done. */
export function completeLogin(plan: LoginPlan): string {
  return [block(loginBody(plan, 'ALTER')), readLogin(plan)].join(';\n');
}

function readLogin(plan: LoginPlan): string {
  const [login, group] = [plan.login, plan.group].map((name) => quoteText(quoteName(name)));
  return `SELECT to_regrole(${login})::oid::int8 AS oid, (SELECT description FROM pg_shdescription
WHERE objoid = to_regrole(${group}) AND classoid = ${ROLES}) AS group_mark`;
}

export interface EndPlan {
  login: string;
  oid: number;
  memberships: string[];
  mark: Mark;
}

/**
 * Shuts the door and commits; ends what runs; drops the login if by then nothing runs and nothing hangs on it, or takes
 * its memberships away; and gives `ended` (backends told to stop), then `name`, `sessions` and `memberships` of that
 * OID. Sessions go by `usesysid`: a name is NULL there once its role is dropped (lifecycle.md). Errors: SQLSTATE
 * `NOT_OURS`.
 */
export function endLogin(plan: EndPlan): string {
  return `${shutDoor(plan)};\n${terminate(plan.oid)};\n${dropOrStrip(plan)};\n${verify(plan.oid)}`;
}

/** No new login and no password. */
export const SHUT = "NOLOGIN PASSWORD NULL VALID UNTIL '-infinity'";

/** Committed before anything else is looked at. */
function shutDoor(plan: EndPlan): string {
  return inTransaction(
    block(`BEGIN IF (${isOurs(plan)}) IS NOT TRUE THEN RAISE EXCEPTION 'not ours' USING ERRCODE = '${NOT_OURS}'; END IF;
ALTER ROLE ${quoteName(plan.login)} ${SHUT}; END`),
  );
}

const stillIts = (plan: EndPlan) => `to_regrole(${quoteText(quoteName(plan.login))})::oid = ${plan.oid}`;

const revokes = (plan: EndPlan) =>
  plan.memberships.map((role) => `REVOKE ${quoteName(role)} FROM ${quoteName(plan.login)};`).join(' ');

/**
 * The memberships alone, all or none: for when somebody's open transaction is in the way of the drop. Where it holds
 * one of them too, all stay until it ends. Errors: those of the locks.
 */
export function stripMemberships(plan: EndPlan): string {
  return inTransaction(block(`BEGIN IF ${stillIts(plan)} THEN ${revokes(plan)} END IF; END`));
}

/** Gives `ended`: the backends of that role that were told to stop, by process id; one that takes its time is told again. */
export function terminate(oid: number): string {
  return `SELECT coalesce(array_agg(pid) FILTER (WHERE pg_terminate_backend(pid)), '{}') AS ended ${sessionsOf(oid)}`;
}

/**
 * A drop takes the memberships along without a look at the group; a REVOKE locks the task's role until its commit and
 * reads all of its members, so thousands that end together would do so one by one (measured with 6,000 members: 200/s
 * against 430/s). It is for those that cannot be dropped yet.
 */
function dropOrStrip(plan: EndPlan): string {
  const strip = plan.memberships.length === 0 ? '' : `ELSIF ${stillIts(plan)} THEN ${revokes(plan)} `;
  return inTransaction(
    block(`BEGIN IF ${stillIts(plan)}
AND NOT EXISTS (SELECT ${dependents(plan.oid)})
AND NOT EXISTS (SELECT ${sessionsOf(plan.oid)})
THEN DROP ROLE ${quoteName(plan.login)}; ${strip}END IF; END`),
  );
}

/** Absence by OID: no role, no session, no membership in either direction. */
function verify(oid: number): string {
  return `SELECT (SELECT rolname FROM pg_roles WHERE oid = ${oid}) AS name,
(SELECT count(*) ${sessionsOf(oid)})::int AS sessions,
(SELECT count(*) FROM pg_auth_members WHERE member = ${oid} OR roleid = ${oid})::int AS memberships`;
}

/** What the server says of that OID now: name, whether it may log in, sessions, memberships, what hangs on it. */
export function readState(oid: number): string {
  return `SELECT r.rolname AS name, r.rolcanlogin AS can_login, shobj_description(r.oid, 'pg_authid') AS comment,
(SELECT count(*) ${sessionsOf(oid)})::int AS sessions,
(SELECT count(*) FROM pg_auth_members WHERE member = ${oid})::int AS memberships,
(SELECT count(*) ${dependents(oid)})::int AS dependents
FROM (SELECT) one LEFT JOIN pg_roles r ON r.oid = ${oid}`;
}

export const inTransaction = (statement: string) => `BEGIN;\n${statement};\nCOMMIT`;
