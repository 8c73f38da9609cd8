// The SQL of an emergency kit's dormant login: it may connect and call one function, and nothing else. The function
// runs as Sallyport's administrator, so it is written to be safe in anybody's hands: it takes no text as SQL, looks
// only where its fixed path says, answers one login, and lets in only whom an earlier, committed transaction wrote
// down. Without that last rule a caller could open, read, and roll the record back.

import type { KitPlan } from '../../contract.ts';
import type { Entitlement } from './entitlement.ts';
import { block, quoteName, quoteText } from './names.ts';
import { MEMBERSHIP_OPTIONS_VERSION } from './statements.ts';

export const KIT_SCHEMA = 'sallyport_kit';
const TABLE = `${KIT_SCHEMA}.openings`;
/** Calls that are written down for one login; each generation of a kit has logins of its own. */
export const MOST_OPENINGS = 100;
const LONGEST_HOLDERS = 500;
const LONGEST_REASON = 2_000;
/** At a time; the holders are few. */
const CONNECTION_LIMIT = 10;

export const FUNCTION_CONFIG = 'search_path=pg_catalog, pg_temp';

/** `sallyport_kit.open_…`, without arguments. */
export function functionName(login: string): string {
  return `${KIT_SCHEMA}.${quoteName(`open_${login.slice(login.indexOf('_') + 1)}`)}`;
}
export const functionSignature = (login: string) => `${functionName(login)}(text, text)`;

/** $1: who opens, $2: why. */
export const openSql = (login: string) => `SELECT act, until FROM ${functionName(login)}($1, $2)`;

export interface KitRole {
  login: string;
  /** The task's group role. */
  group: string;
  limitSeconds: number;
  /** `server_version_num`. */
  version: number;
}

/**
 * The function's body, exactly as the catalog keeps it. `session_user` is who logged in: nothing that the caller may
 * do changes it. clock_timestamp() and not now(): a transaction may have begun long before.
 */
export function functionBody(role: KitRole): string {
  const login = quoteText(role.login);
  const [name, group] = [quoteName(role.login), quoteName(role.group)];
  const options = role.version >= MEMBERSHIP_OPTIONS_VERSION ? ' WITH INHERIT TRUE, SET FALSE' : '';
  return `
#variable_conflict use_column
DECLARE
  moment timestamptz;
  number_now int;
  ends timestamptz;
  this_xact text := pg_current_xact_id()::text;
  decided text;
BEGIN
  IF session_user <> ${login} THEN
    RAISE EXCEPTION 'This function belongs to another login.' USING ERRCODE = '42501';
  END IF;
  IF holders IS NULL OR reason IS NULL OR length(btrim(holders)) NOT BETWEEN 1 AND ${LONGEST_HOLDERS}
    OR length(btrim(reason)) NOT BETWEEN 1 AND ${LONGEST_REASON} THEN
    RAISE EXCEPTION 'Say who opens (at most ${LONGEST_HOLDERS} characters) and why (at most ${LONGEST_REASON}).' USING ERRCODE = '22023';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended(${login}, 0));
  moment := clock_timestamp();
  SELECT count(*)::int + 1 INTO number_now FROM ${TABLE} o WHERE o.login = ${login};
  IF number_now > ${MOST_OPENINGS} THEN
    RAISE EXCEPTION 'This kit was called ${MOST_OPENINGS} times already.' USING ERRCODE = '54000';
  END IF;
  SELECT min(o.until_at) INTO ends FROM ${TABLE} o
    WHERE o.login = ${login} AND o.act = 'recorded' AND o.xact <> this_xact;
  IF ends IS NULL THEN
    SELECT o.until_at INTO ends FROM ${TABLE} o WHERE o.login = ${login} AND o.act = 'recorded' AND o.xact = this_xact;
    IF ends IS NOT NULL THEN
      RAISE EXCEPTION 'The opening is not committed yet: commit, and call again.' USING ERRCODE = '55000';
    END IF;
    ends := moment + interval '${role.limitSeconds} seconds';
    decided := 'recorded';
    EXECUTE format('ALTER ROLE %I VALID UNTIL %L', ${login}, ends);
  ELSIF moment < ends THEN
    decided := 'let-in';
    GRANT ${group} TO ${name}${options};
  ELSE
    decided := 'refused';
    REVOKE ${group} FROM ${name};
  END IF;
  INSERT INTO ${TABLE} (login, number, act, xact, opened_at, until_at, holders, reason, client_address)
    VALUES (${login}, number_now, decided, this_xact, moment, ends, btrim(holders), btrim(reason), host(inet_client_addr()));
  RETURN QUERY SELECT decided, ends;
END
`;
}

/** Schema and table, where they are missing. The administrator needs CREATE on the database for that, once. */
export function kitPlaceSql(): string {
  return [
    block(`BEGIN IF to_regnamespace('${KIT_SCHEMA}') IS NULL THEN CREATE SCHEMA ${KIT_SCHEMA}; END IF; END`),
    `CREATE TABLE IF NOT EXISTS ${TABLE} (login text NOT NULL, number int NOT NULL, act text NOT NULL, xact text NOT NULL,
      opened_at timestamptz NOT NULL, until_at timestamptz NOT NULL, holders text NOT NULL, reason text NOT NULL,
      client_address text, PRIMARY KEY (login, number))`,
    `REVOKE ALL ON SCHEMA ${KIT_SCHEMA} FROM PUBLIC`,
    `REVOKE ALL ON TABLE ${TABLE} FROM PUBLIC`,
  ].join(';\n');
}

/** The login and its function, made or made whole; in the transaction that made the place. */
export function makeKitSql(
  plan: KitPlan<Entitlement>,
  role: KitRole,
  facts: { verifier: string; mark: string; database: string; exists: boolean },
): string {
  const name = quoteName(plan.login);
  const verb = facts.exists ? 'ALTER' : 'CREATE';
  const head = `${verb} ROLE ${name} LOGIN CONNECTION LIMIT ${CONNECTION_LIMIT} PASSWORD %L VALID UNTIL %L`;
  const valid = `now() + interval '${Math.ceil(plan.validSeconds)} seconds'`;
  return [
    block(`BEGIN EXECUTE format(${quoteText(head)}, ${quoteText(facts.verifier)}, ${valid}); END`),
    `COMMENT ON ROLE ${name} IS ${quoteText(facts.mark)}`,
    `CREATE OR REPLACE FUNCTION ${functionName(plan.login)}(holders text, reason text)
      RETURNS TABLE (act text, until timestamptz) LANGUAGE plpgsql SECURITY DEFINER
      SET search_path = pg_catalog, pg_temp AS ${quoteText(functionBody(role))}`,
    `REVOKE ALL ON FUNCTION ${functionSignature(plan.login)} FROM PUBLIC`,
    `GRANT EXECUTE ON FUNCTION ${functionSignature(plan.login)} TO ${name}`,
    `GRANT USAGE ON SCHEMA ${KIT_SCHEMA} TO ${name}`,
    `GRANT CONNECT ON DATABASE ${quoteName(facts.database)} TO ${name}`,
  ].join(';\n');
}

/** Takes away what is not a membership, so that nothing hangs on the login when it is dropped. */
export function forgetKitSql(login: string, database: string): string {
  const name = quoteName(login);
  return `BEGIN; DROP FUNCTION IF EXISTS ${functionSignature(login)};
${block(`BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = ${quoteText(login)}) THEN
  IF to_regnamespace('${KIT_SCHEMA}') IS NOT NULL THEN REVOKE ALL ON SCHEMA ${KIT_SCHEMA} FROM ${name}; END IF;
  REVOKE ALL ON DATABASE ${quoteName(database)} FROM ${name}; END IF; END`)}; COMMIT`;
}
