// Takes one grant away, in the order of lifecycle.md: no new logins, committed; then its sessions, until none is left;
// then its memberships; then what it owns is kept safe; then the role. In the ordinary case that is one round trip.
// What cannot be dropped yet is left inert and told, with the session or the SQL that would free it.

import { codeOf } from '../../../base/errors.ts';
import { monotonicMs, sleep } from '../../../base/timer.ts';
import type { Handle, RevokeReport } from '../../contract.ts';
import { describeLockHolders, LOCK_CODES } from './blockers.ts';
import { type Connection, type PostgresClient, type Row, withConnection, withDatabase } from './client.ts';
import { endTogether } from './end-together.ts';
import { isDatabaseError } from './failures.ts';
import {
  absent,
  foreignMark,
  isGone,
  isInert,
  type LoginState,
  loginState,
  observedOf,
  oidOf,
  sameCluster,
} from './login-state.ts';
import { type GrantHandle, quoteName, readHandle } from './names.ts';
import { onEveryNode } from './nodes.ts';
import { clearDependents } from './owned.ts';
import { newSince } from './owner-rights.ts';
import { number, numbers, only, texts } from './row.ts';
import { type EndPlan, endLogin, NOT_OURS, stripMemberships, terminate } from './statements.ts';

/** Sessions must be gone within this; lifecycle.md gives 5 s to be inert. */
const SESSIONS_LIMIT_MS = 4_000;
const SHORTEST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 200;
const MOST_KEPT = 100;
/** undefined_object: a role that a statement names was dropped after it was looked at, by another revocation or by hand. */
const GONE_MEANWHILE = '42704';

/**
 * `Connector.revoke`, on every node. What is absent already is a success. Errors: `target-down`, `target-right-missing`,
 * …, when no node could be asked.
 */
export function revoke(client: PostgresClient, handle: Handle, signal: AbortSignal): Promise<RevokeReport> {
  return onEveryNode(client, handle, signal, () => revokeOnPrimary(client, handle, signal));
}

async function revokeOnPrimary(
  client: PostgresClient,
  handle: Handle,
  signal: AbortSignal,
): Promise<RevokeReport> {
  const known = readHandle(handle);
  const report: RevokeReport = {
    observed: 'absent',
    handle,
    sessionsEnded: 0,
    blockers: [],
    leftBehind: [...(known.leftBehind ?? [])],
  };
  const state = await endLoginOf(client, known, report, signal);
  if (state === null) return report;
  report.handle = { ...handle, oid: state.oid };
  if (state.cluster !== null) report.handle.cluster = state.cluster;
  if (state.foreign) {
    report.observed = 'present';
    report.blockers = [foreignMark(state.name ?? known.login)];
    return report;
  }
  await tellOwnersRights(client, known, report, signal);
  if (state.name !== null && isInert(state) && report.blockers.length === 0)
    await removeWhatRemains(client, state, report, signal);
  else report.observed = observedOf(state);
  if (report.leftBehind.length > 0) report.handle.leftBehind = report.leftBehind;
  return report;
}

/** With others while the target is busy; alone otherwise, and for what is left then. */
async function endLoginOf(
  client: PostgresClient,
  known: GrantHandle,
  report: RevokeReport,
  signal: AbortSignal,
): Promise<Ended | null> {
  const going = endTogether(client, known, signal);
  // Without a pause where it goes alone: who asks next is to find that connection taken.
  const together = going === null ? null : await going;
  report.sessionsEnded = together?.ended.length ?? 0;
  if (together?.gone === true) return { ...absent(together.oid), cluster: together.cluster };
  return withConnection(client, signal, (connection) =>
    end(client, connection, known, report, together?.ended ?? [], signal),
  );
}

/** What the server says at the end, and which cluster it is. */
interface Ended extends LoginState {
  cluster: string | null;
}

/**
 * Door and sessions, and the drop where nothing is in its way. null: there is no such login of ours. `before`: process
 * ids of sessions that were told to stop before.
 */
async function end(
  client: PostgresClient,
  connection: Connection,
  known: GrantHandle,
  report: RevokeReport,
  before: number[],
  signal: AbortSignal,
): Promise<Ended | null> {
  const { cluster } = connection;
  const { mark } = client.access;
  const oid = await oidOf(connection, known, mark);
  if (oid === null) {
    if (!sameCluster(connection, known)) report.leftBehind.push(madeElsewhere(known, cluster));
    return null;
  }
  const named = [known.group, known.owner].filter((role) => role !== undefined);
  const plan: EndPlan = { login: known.login, oid, memberships: named, mark };
  const until = monotonicMs() + SESSIONS_LIMIT_MS;
  let pauseMs = SHORTEST_PAUSE_MS;
  const ended = new Set<number>(before);
  let state = await tryToEnd(connection, plan, report, ended);
  while (!settled(state, report) && monotonicMs() < until && !signal.aborted) {
    if (state.foreign) break;
    // Renamed by hand, or a member of more than we gave: by its OID it is still ours, in the cluster that gave the OID.
    if (state.name !== known.login && !provenOurs(connection, known, state)) return null;
    plan.login = state.name ?? plan.login;
    plan.memberships = await revocableMemberships(connection, oid);
    await sleep(pauseMs, signal);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    state = await tryToEnd(connection, plan, report, ended);
  }
  return { ...state, cluster };
}

/** A role of another name: by the cluster that gave its OID, or by its mark. */
function provenOurs(connection: Connection, known: GrantHandle, state: LoginState): boolean {
  if (state.name === null) return true;
  const proven = known.cluster !== undefined && known.cluster === connection.cluster;
  return proven || (state.grant !== null && state.grant === known.grantId);
}

const madeElsewhere = (known: GrantHandle, cluster: string | null) =>
  `It was made on the cluster ${known.cluster}, and the target is the cluster ${cluster} now, where nothing of it is. If the other one still runs, end ${known.login} there.`;

// Not gone although nothing hangs on it and nobody is in the way: the drop looked before the sessions were gone, so it
// is tried again.
const settled = (state: LoginState, report: RevokeReport) =>
  isGone(state) || (isInert(state) && (state.dependents > 0 || report.blockers.length > 0));

/** `ended`: process ids so far; a session that is told twice to stop is one. */
async function tryToEnd(
  connection: Connection,
  plan: EndPlan,
  report: RevokeReport,
  ended: Set<number>,
): Promise<LoginState> {
  const count = (rows: Row[]) => {
    for (const pid of numbers(only(rows), 'ended')) ended.add(pid);
    report.sessionsEnded = ended.size;
  };
  report.blockers = [];
  try {
    const [told = [], found = []] = await connection.results(endLogin(plan));
    count(told);
    const left = only(found);
    const gone = left.name === null && number(left, 'sessions') + number(left, 'memberships') === 0;
    return gone ? absent(plan.oid) : loginState(connection, plan.oid, plan.mark);
  } catch (error) {
    const code = codeOf(error);
    if (code === NOT_OURS || code === GONE_MEANWHILE) {
      // Gone already, renamed by hand, or somebody else's; sessions of a role that is gone are ended by its OID.
      await connection.rows('ROLLBACK');
      const state = await loginState(connection, plan.oid, plan.mark);
      if (state.name === null && state.sessions > 0) count(await connection.rows(terminate(plan.oid)));
      return state;
    }
    if (code === undefined || !isDatabaseError(error)) throw error;
    if (!LOCK_CODES.has(code)) {
      // Whatever it says, what is gone by now is gone: a right on a role goes with the role.
      await connection.rows('ROLLBACK');
      const state = await loginState(connection, plan.oid, plan.mark);
      if (isGone(state)) return state;
      // Its door cannot be shut (a right is missing, say): what goes on behind it ends all the same.
      if (state.name === plan.login && !state.foreign) await tryToTerminate(connection, plan.oid);
      throw error;
    }
    // Another session is changing this very role, or a membership of it. Its memberships go where they can, and its
    // sessions are ended all the same.
    await connection.rows('ROLLBACK');
    await tryToStrip(connection, plan);
    count(await connection.rows(terminate(plan.oid)));
    report.blockers = await describeLockHolders(connection, plan.oid);
    return loginState(connection, plan.oid, plan.mark);
  }
}

async function tryToTerminate(connection: Connection, oid: number): Promise<void> {
  try {
    await connection.rows(terminate(oid));
  } catch (error) {
    if (!isDatabaseError(error)) throw error;
  }
}

async function tryToStrip(connection: Connection, plan: EndPlan): Promise<void> {
  if (plan.memberships.length === 0) return;
  try {
    await connection.rows(stripMemberships(plan));
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined || !(code === NOT_OURS || code === GONE_MEANWHILE || LOCK_CODES.has(code)))
      throw error;
    await connection.rows('ROLLBACK');
  }
}

/** Those that we may take away; one that another administrator gave goes with the role. */
async function revocableMemberships(connection: Connection, oid: number): Promise<string[]> {
  const rows = await connection.rows(
    `SELECT ARRAY(SELECT DISTINCT r.rolname::text FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
      WHERE m.member = $1) AS roles`,
    [oid],
  );
  return texts(only(rows), 'roles');
}

async function tellOwnersRights(
  client: PostgresClient,
  known: GrantHandle,
  report: RevokeReport,
  signal: AbortSignal,
): Promise<void> {
  const { owner, before } = known;
  if (owner === undefined || before === undefined) return;
  const database = known.database ?? client.access.settings.database;
  const added = await withDatabase(client, database, signal, (connection) =>
    newSince(connection, owner, before),
  );
  report.leftBehind = [...new Set([...report.leftBehind, ...added])].slice(0, MOST_KEPT);
}

/** Inert, and something hangs on it: that is put away or told, then the role is dropped if it can be. */
async function removeWhatRemains(
  client: PostgresClient,
  state: LoginState,
  report: RevokeReport,
  signal: AbortSignal,
): Promise<void> {
  report.observed = 'inert';
  const login = state.name;
  if (login === null) return;
  const cleared = await clearDependents(client, { oid: state.oid, login }, signal);
  report.leftBehind = [...new Set([...report.leftBehind, ...cleared.quarantined])].slice(0, MOST_KEPT);
  report.blockers = cleared.blockers;
  const after = await withConnection(client, signal, async (connection) => {
    try {
      await connection.rows(`DROP ROLE IF EXISTS ${quoteName(login)}`);
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined || !(LOCK_CODES.has(code) || code === DEPENDENTS_REMAIN)) throw error;
      if (LOCK_CODES.has(code)) report.blockers.push(...(await describeLockHolders(connection, state.oid)));
      if (report.blockers.length === 0) report.blockers.push(`Objects or rights still hang on ${login}.`);
    }
    return loginState(connection, state.oid, client.access.mark);
  });
  report.observed = observedOf(after);
  if (isGone(after)) report.blockers = [];
}

const DEPENDENTS_REMAIN = '2BP01';
