// A target as a cluster (operate.md, "PostgreSQL as it is run"): what the primary ends, its standbys only hear of. So
// each standby is asked itself: sessions are ended there by OID while the end is on its way, and the login counts as
// gone when the standby has replayed up to the primary's end of it and shows nothing of that OID.

import { Failure } from '../../../base/errors.ts';
import { monotonicMs, sleep } from '../../../base/timer.ts';
import type { Handle, NodeReport, Observation, Observed, RevokeReport } from '../../contract.ts';
import { type Connection, type PostgresClient, withConnection } from './client.ts';
import { type LoginState, loginState, markedOid, observedOf } from './login-state.ts';
import { type GrantHandle, quoteName, readHandle } from './names.ts';
import { flag, number, numbers, only, text } from './row.ts';
import { terminate } from './statements.ts';

/** For what the primary committed to arrive; with the primary's own 4 s it stays within the 5 s of lifecycle.md. */
const REPLAY_LIMIT_MS = 4_000;
/** After the primary is done. */
const AFTER_PRIMARY_MS = 2_000;
const SHORTEST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 200;
/** A position that the primary writes next may lie behind the header of a page that nobody has begun. */
const PAGE_HEADER_BYTES = 40;

/** What the primary has said of the end so far, for those who wait for it on the standbys. */
interface PrimarySays {
  observed: Observed | null;
  /** Where its log was afterwards: a standby that has not replayed to here may not even have seen the login yet. */
  position: string | null;
  done: boolean;
}

/** A report with its nodes, the primary first; nothing to add where there is only one. */
export function nodesOf(
  client: PostgresClient,
  primary: Pick<NodeReport, 'observed' | 'error'>,
): { nodes?: NodeReport[] } {
  if (client.standbys.length === 0) return {};
  const asked: NodeReport = { node: client.node, role: 'primary', ...primary };
  const others = client.standbys.map(
    ({ node }): NodeReport => ({ node, role: 'standby', observed: 'unknown', error: null }),
  );
  return { nodes: [asked, ...others] };
}

/**
 * `end` on the primary, and meanwhile the end of sessions on every standby, until each has seen it. Rejects as `end`
 * does when no node could be asked.
 */
export async function onEveryNode(
  client: PostgresClient,
  handle: Handle,
  signal: AbortSignal,
  end: () => Promise<RevokeReport>,
): Promise<RevokeReport> {
  if (client.standbys.length === 0) return end();
  const known = await withCluster(client, readHandle(handle), signal);
  const says: PrimarySays = { observed: null, position: null, done: false };
  const [primary, ...standbys] = await Promise.all([
    endOnPrimary(client, says, signal, end),
    ...client.standbys.map((standby) => endOnStandby(standby, known, says, signal)),
  ]);
  if (primary.failure !== null && standbys.every((one) => one.report.observed === 'unknown'))
    throw primary.failure;
  const nodes = [primary.report, ...standbys.map((one) => one.report)];
  const ended = standbys.reduce((sum, one) => sum + one.ended, 0);
  const done = primary.done ?? nothingYet(handle);
  return {
    ...done,
    observed: overall(nodes),
    sessionsEnded: done.sessionsEnded + ended,
    blockers: [...troubles(nodes), ...done.blockers],
    nodes,
  };
}

/** `look` on the primary, and a look on every standby. Rejects when the primary cannot be asked. */
export async function inspectEveryNode(
  client: PostgresClient,
  signal: AbortSignal,
  look: () => Promise<Observation>,
): Promise<Observation> {
  const seen = await look();
  if (client.standbys.length === 0) return seen;
  const known = await withCluster(client, readHandle(seen.handle), signal);
  const says: PrimarySays = {
    observed: seen.observed,
    position: seen.observed === 'present' ? null : await positionOf(client, signal),
    done: true,
  };
  const standbys = await Promise.all(
    client.standbys.map((standby) =>
      onStandby(standby, known, signal, async (connection) => {
        const report = readStandby(await standbyState(connection, standby, known, says), says);
        return { report: { node: standby.node, role: 'standby' as const, ...report }, ended: 0 };
      }),
    ),
  );
  const primary: NodeReport = { node: client.node, role: 'primary', observed: seen.observed, error: null };
  const nodes = [primary, ...standbys.map((one) => one.report)];
  return { ...seen, observed: overall(nodes), nodes };
}

interface OnNode {
  report: NodeReport;
  ended: number;
}

async function endOnPrimary(
  client: PostgresClient,
  says: PrimarySays,
  signal: AbortSignal,
  end: () => Promise<RevokeReport>,
): Promise<{ report: NodeReport; done: RevokeReport | null; failure: Failure | null }> {
  const report: NodeReport = { node: client.node, role: 'primary', observed: 'unknown', error: null };
  try {
    const done = await end();
    says.observed = done.observed;
    says.position = await positionOf(client, signal);
    return {
      report: { ...report, observed: done.observed, error: done.blockers[0] ?? null },
      done,
      failure: null,
    };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { report: { ...report, error: error.message }, done: null, failure: error };
  } finally {
    says.done = true;
  }
}

/** Ends sessions there by OID, again and again, until the standby has seen what the primary did, or for as long as may be. */
function endOnStandby(
  standby: PostgresClient,
  known: GrantHandle,
  says: PrimarySays,
  signal: AbortSignal,
): Promise<OnNode> {
  return onStandby(standby, known, signal, async (connection) => {
    let until = monotonicMs() + REPLAY_LIMIT_MS;
    let waited = false;
    let pauseMs = SHORTEST_PAUSE_MS;
    const ended = new Set<number>();
    for (;;) {
      // Taken before the look: what it sees then is at least as new.
      const { done } = says;
      if (done && !waited) {
        waited = true;
        until = Math.max(until, monotonicMs() + AFTER_PRIMARY_MS);
      }
      const state = await standbyState(connection, standby, known, says);
      if (state.login !== null && state.login.sessions > 0 && !state.login.foreign) {
        const told = only(await connection.rows(terminate(state.login.oid)));
        for (const pid of numbers(told, 'ended')) ended.add(pid);
      }
      const report = readStandby(state, says);
      const enough = done && (says.observed === null || says.observed === 'present');
      const over = done && (report.observed === 'absent' || report.observed === says.observed);
      const noSessions = (state.login?.sessions ?? 0) === 0;
      if (over || (enough && noSessions) || monotonicMs() > until || signal.aborted)
        return { report: { node: standby.node, role: 'standby', ...report }, ended: ended.size };
      await sleep(pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  });
}

/** A standby that cannot be asked is told, and stops nobody else. */
async function onStandby(
  standby: PostgresClient,
  known: GrantHandle,
  signal: AbortSignal,
  act: (connection: Connection) => Promise<OnNode>,
): Promise<OnNode> {
  try {
    return await withConnection(standby, signal, (connection) => {
      requireCluster(connection, standby, known);
      return act(connection);
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const report: NodeReport = {
      node: standby.node,
      role: 'standby',
      observed: 'unknown',
      error: error.message,
    };
    return { report, ended: 0 };
  }
}

/** The handle of a grant from before clusters were noted gets the primary's. */
async function withCluster(
  client: PostgresClient,
  known: GrantHandle,
  signal: AbortSignal,
): Promise<GrantHandle> {
  if (known.cluster !== undefined) return known;
  try {
    const cluster = await withConnection(client, signal, (connection) => Promise.resolve(connection.cluster));
    return cluster === null ? known : { ...known, cluster };
  } catch (error) {
    // The primary is asked again for its own part, and says then what is wrong.
    if (error instanceof Failure) return known;
    throw error;
  }
}

/** In another cluster the grant's OID is somebody else's: nothing may be ended there. */
function requireCluster(connection: Connection, standby: PostgresClient, known: GrantHandle): void {
  if (known.cluster !== undefined && known.cluster === connection.cluster) return;
  const unknown = known.cluster === undefined || connection.cluster === null;
  throw new Failure(
    'unavailable',
    'target-node-other-cluster',
    unknown
      ? `Whether ${standby.node} belongs to this target’s cluster is not known, so nothing is ended there. Run on the primary: GRANT EXECUTE ON FUNCTION pg_control_system() TO ${quoteName(standby.access.admin.user)};`
      : `${standby.node} is no standby of this target: it belongs to another cluster.`,
  );
}

interface StandbyState {
  /** null: the standby shows no login that could be this grant's. */
  login: LoginState | null;
  /** It has replayed to where the primary was after the end; false while that is not known. */
  caughtUp: boolean;
  standby: boolean;
  paused: boolean;
}

async function standbyState(
  connection: Connection,
  standby: PostgresClient,
  known: GrantHandle,
  says: PrimarySays,
): Promise<StandbyState> {
  const { mark } = standby.access;
  // Before the state: replay goes on meanwhile, and then the state is only newer.
  const row = only(
    await connection.rows(
      `SELECT pg_is_in_recovery() AS standby,
         CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() <> 'not paused' ELSE false END AS paused,
         CASE WHEN pg_is_in_recovery() AND $1::text IS NOT NULL
           THEN pg_last_wal_replay_lsn() + ${PAGE_HEADER_BYTES}::numeric >= $1::pg_lsn ELSE NOT pg_is_in_recovery() END AS caught_up`,
      [says.position],
    ),
  );
  const oid = known.oid ?? (await markedOid(connection, known, mark));
  return {
    login: oid === null ? null : await loginState(connection, oid, mark),
    caughtUp: flag(row, 'caught_up'),
    standby: flag(row, 'standby'),
    paused: flag(row, 'paused'),
  };
}

function readStandby(state: StandbyState, says: PrimarySays): Pick<NodeReport, 'observed' | 'error'> {
  const observed = state.login === null ? 'absent' : observedOf(state.login);
  if (says.observed === null) return { observed: 'present', error: says.done ? WITHOUT_PRIMARY : null };
  if (observed !== 'present' && !state.caughtUp) return { observed: 'present', error: behind(state) };
  // Where the primary is not done either, nothing is wrong with the standby.
  if (observed !== 'present' || says.observed === 'present') return { observed, error: null };
  if (state.login !== null && state.login.sessions > 0 && state.login.name === null)
    return { observed, error: 'A session of this grant has not ended yet.' };
  return { observed, error: behind(state) };
}

const WITHOUT_PRIMARY =
  'Its sessions are ended here; the login itself can only be taken away on the primary.';

function behind(state: StandbyState): string {
  if (!state.standby) return 'It is no standby any more: was it promoted? Name it as the target’s host then.';
  return state.paused
    ? 'It has not replayed the end of this grant: replay is paused there. Run: SELECT pg_wal_replay_resume();'
    : 'It has not replayed the end of this grant yet.';
}

function overall(nodes: NodeReport[]): Observed {
  if (nodes.every((one) => one.observed === 'absent')) return 'absent';
  return nodes.every((one) => one.observed === 'absent' || one.observed === 'inert') ? 'inert' : 'present';
}

/** What keeps the grant from being over, a sentence a node. */
function troubles(nodes: NodeReport[]): string[] {
  const open = nodes.filter((one) => one.observed === 'present' || one.observed === 'unknown');
  return open.map(
    ({ role, node, error }) => `On the ${role} ${node}: ${error ?? 'the grant is still there.'}`,
  );
}

function nothingYet(handle: Handle): RevokeReport {
  return { observed: 'present', handle, sessionsEnded: 0, blockers: [], leftBehind: [] };
}

function positionOf(client: PostgresClient, signal: AbortSignal): Promise<string> {
  return withConnection(client, signal, async (connection) =>
    text(only(await connection.rows('SELECT pg_current_wal_insert_lsn()::text AS position')), 'position'),
  );
}

/** For a check: what a node says of itself. */
export async function nodeFacts(connection: Connection) {
  const row = only(
    await connection.rows(
      `SELECT pg_is_in_recovery() AS standby,
         (extract(epoch FROM now() - pg_last_xact_replay_timestamp()))::int8 AS behind_s,
         coalesce(pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn(), false) AS caught_up`,
    ),
  );
  return {
    standby: flag(row, 'standby'),
    behindSeconds: row.behind_s === null ? null : number(row, 'behind_s'),
    /** It has replayed all that it received: an idle primary makes the last transaction old, not the standby late. */
    caughtUp: flag(row, 'caught_up'),
  };
}
