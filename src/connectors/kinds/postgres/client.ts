// The administrative connections to one target: a bounded pool whose sockets come from `dial`, with limits on
// everything, and an abort that cancels what the server is doing. Callers that wait for a connection wait here and
// not in the pool, because a wait there cannot be given up.

import pg from 'pg';
import { after } from '../../../base/timer.ts';
import type { Mark, TargetAccess } from '../../contract.ts';
import { CONNECT_TIMEOUT_MS, DialedStream, openSocket, sendCancel } from './dialed-stream.ts';
import { aborted, asFailure, isDatabaseError } from './failures.ts';
import { nodeName, type TargetSettings } from './settings.ts';
import { Slots } from './slots.ts';

export const POOL_SIZE = 8;
/** A role's drop, or a right that another session is changing, is waited for this long; then it is told. */
export const LOCK_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 15_000;
const IDLE_TIMEOUT_MS = 60_000;
const IDLE_IN_TRANSACTION_MS = 20_000;
/** Dial, TLS and login together. */
const LOGIN_TIMEOUT_MS = 2 * CONNECT_TIMEOUT_MS;

/** What a task role was found to be, and when; task-role.ts fills and reads it. */
export interface TaskRoleState {
  mark: string;
  checkedAtMs: number;
  /** Rights that somebody had added by hand and that were taken back; until it has been told. */
  tookBack: string | null;
}

export interface PostgresClient {
  /** Its node: `host:port`. */
  node: string;
  access: TargetAccess<TargetSettings>;
  /** One a standby that the settings name; nothing is opened before it is asked something. */
  standbys: PostgresClient[];
  pool: pg.Pool;
  slots: Slots;
  /** By the group role's name. */
  taskRoles: Map<string, TaskRoleState>;
  /** Task roles that are being brought up now, so that callers at the same time share one; gives the version. */
  settling: Map<string, Promise<number>>;
  /** `server_version_num`, once known. */
  version: number | null;
}

/** Rows of a statement; `read` in the callers gives them their type. */
export type Row = Record<string, unknown>;

export interface Connection {
  /** One statement with parameters, or several without: then the rows of the last one that gave any. */
  rows(text: string, values?: unknown[]): Promise<Row[]>;
  /** Several statements in one trip: the rows of each that gives rows, in order. */
  results(text: string): Promise<Row[][]>;
  /** The system identifier of the cluster at the other end: an OID means nothing in another. null: it is not told. */
  cluster: string | null;
}

/** Opens nothing yet: the first verb connects. */
export function createClient(access: TargetAccess<TargetSettings>): PostgresClient {
  const pool = new pg.Pool({
    ...connectionOptions(access, access.settings.database),
    max: POOL_SIZE,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
  });
  // A connection that dies while idle is replaced by the pool; whoever works next hears of a target that is down.
  pool.on('error', () => undefined);
  const { nodes = [], ...alone } = access.settings;
  return {
    node: nodeName(access.settings),
    access,
    standbys: nodes.map(({ host, port }) => createClient({ ...access, settings: { ...alone, host, port } })),
    pool,
    slots: new Slots(POOL_SIZE),
    taskRoles: new Map(),
    settling: new Map(),
    version: null,
  };
}

export async function closeClient(client: PostgresClient): Promise<void> {
  await Promise.all(client.standbys.map(closeClient));
  if (!client.pool.ending) await client.pool.end();
}

/** For a login of its own, in place of the administrator's. */
export function loginOptions(access: TargetAccess<TargetSettings>, database: string): pg.ClientConfig {
  const { max: _, idleTimeoutMillis: __, ...options } = connectionOptions(access, database);
  return options;
}

/** How our administrative connections are called on a target, before the installation and the run. */
export const APPLICATION = 'sallyport';

function applicationName({ installation, run }: Mark): string {
  return run === undefined ? APPLICATION : `${APPLICATION} ${installation} ${run}`;
}

function connectionOptions(access: TargetAccess<TargetSettings>, database: string): pg.PoolConfig {
  const { settings, admin } = access;
  return {
    host: settings.host,
    port: settings.port,
    database,
    user: admin.user,
    password: () => admin.password.reveal(),
    ssl: false,
    stream: () => new DialedStream(() => openSocket(access.dial, settings)),
    application_name: applicationName(access.mark),
    connectionTimeoutMillis: LOGIN_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    // Names in our SQL mean PostgreSQL's own functions, never one that somebody put into a schema of the path.
    options: '-c search_path=pg_catalog',
  };
}

/** Runs `act` on a connection to the target's own database. Errors: Failure, as failures.ts maps them. */
export async function withConnection<T>(
  client: PostgresClient,
  signal: AbortSignal,
  act: (connection: Connection) => Promise<T>,
): Promise<T> {
  await client.slots.take(signal);
  try {
    const connected = await untilAborted(signal, opened(client.pool.connect()), (late) => late.release());
    connected.on('error', ignore);
    let broken = true;
    try {
      const cluster = await untilAborted(signal, clusterOf(connected));
      const result = await run(client, connected, cluster, signal, act);
      broken = false;
      return result;
    } catch (error) {
      broken = signal.aborted || !(await rolledBack(connected));
      throw asFailure(error, 'working');
    } finally {
      connected.off('error', ignore);
      connected.release(broken);
    }
  } finally {
    client.slots.give();
  }
}

/** The same in another database of the server, on a connection that is opened for it and closed after it. */
export async function withDatabase<T>(
  client: PostgresClient,
  database: string,
  signal: AbortSignal,
  act: (connection: Connection) => Promise<T>,
): Promise<T> {
  if (database === client.access.settings.database) return withConnection(client, signal, act);
  const { connectionTimeoutMillis, ...options } = connectionOptions(client.access, database);
  const single = new pg.Client({ ...options, connectionTimeoutMillis });
  single.on('error', ignore);
  try {
    await untilAborted(signal, opened(single.connect().then(() => single)), (late) => void late.end());
    return await run(client, single, null, signal, act);
  } catch (error) {
    throw asFailure(error, 'working');
  } finally {
    await Promise.race([single.end(), new Promise<void>((resolve) => after(CONNECT_TIMEOUT_MS, resolve))]);
  }
}

async function opened<C>(connecting: Promise<C>): Promise<C> {
  try {
    return await connecting;
  } catch (error) {
    throw asFailure(error, 'connecting');
  }
}

/** Asked once a connection: whoever moves a name to another server breaks the connections to the old one. */
const clusters = new WeakMap<pg.PoolClient, string | null>();

async function clusterOf(connected: pg.PoolClient): Promise<string | null> {
  const known = clusters.get(connected);
  if (known !== undefined) return known;
  let cluster: string | null = null;
  try {
    const { rows } = await connected.query<{ id: string }>(
      'SELECT system_identifier::text AS id FROM pg_control_system()',
    );
    cluster = rows[0]?.id ?? null;
  } catch (error) {
    // Hardened servers forbid it; whatever else is wrong shows in the next statement.
    if (!isDatabaseError(error)) throw error;
  }
  clusters.set(connected, cluster);
  return cluster;
}

function run<T>(
  client: PostgresClient,
  connected: pg.Client | pg.PoolClient,
  cluster: string | null,
  signal: AbortSignal,
  act: (connection: Connection) => Promise<T>,
): Promise<T> {
  const ask = async (text: string, values?: unknown[]): Promise<Row[][]> => {
    if (signal.aborted) throw aborted();
    // Several statements give an array, which the types of `pg` leave out.
    const result: pg.QueryResult | pg.QueryResult[] = await (values === undefined
      ? connected.query(text)
      : connected.query(text, values));
    const results = Array.isArray(result) ? result : [result];
    return results.filter((item) => item.fields.length > 0).map((item) => item.rows);
  };
  const work = act({
    rows: async (text, values) => (await ask(text, values)).at(-1) ?? [],
    results: (text) => ask(text),
    cluster,
  });
  return untilAborted(
    signal,
    work,
    () => undefined,
    () => {
      const backend = backendOf(connected);
      if (backend !== null) void sendCancel(client.access.dial, client.access.settings, backend);
    },
  );
}

// Whatever failed may have left its transaction open. `pg` reports an error before the server has told its state, so
// the state that it knows is the one before; ROLLBACK outside a transaction is only a warning.
async function rolledBack(connected: pg.PoolClient): Promise<boolean> {
  try {
    await connected.query('ROLLBACK');
    return true;
  } catch {
    return false;
  }
}

// The types of `pg` leave these two out.
function backendOf(connected: object): { pid: number; key: number } | null {
  if (!('processID' in connected) || !('secretKey' in connected)) return null;
  const { processID, secretKey } = connected;
  return typeof processID === 'number' && typeof secretKey === 'number'
    ? { pid: processID, key: secretKey }
    : null;
}

/** `work`, or the abort, whichever is first; `late` gets what came after the abort. */
export async function untilAborted<T>(
  signal: AbortSignal,
  work: Promise<T>,
  late: (value: T) => void = ignore,
  onAbort: () => void = ignore,
): Promise<T> {
  let stop: () => void = ignore;
  const abort = new Promise<never>((_, reject) => {
    stop = () => {
      onAbort();
      reject(aborted());
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, abort]);
  } catch (error) {
    work.then(late, ignore);
    throw signal.aborted ? aborted() : error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function ignore(): void {}
