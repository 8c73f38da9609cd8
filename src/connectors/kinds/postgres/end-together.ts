// Logins that end while all connections to their target are busy go together: they wait for the next connection anyway,
// and thousands that end in the same second then share what costs a target most, its commits and its looks at who is
// connected. What that does not end, for whatever reason, is ended alone (revoke.ts), and so is everything while there is
// room: nobody waits for company, and an error of one is no other's.

import type { Mark } from '../../contract.ts';
import { type Connection, type PostgresClient, type Row, untilAborted, withConnection } from './client.ts';
import { isDatabaseError } from './failures.ts';
import { sameCluster } from './login-state.ts';
import type { GrantHandle } from './names.ts';
import { number, numbers } from './row.ts';
import { dropAll, type Login, shutDoors } from './statements-together.ts';

const MOST_TOGETHER = 40;
/** Of the connections to one target; the others are for what does not end. */
const MOST_CONNECTIONS = 4;

/** What became of a login that went with others. */
export interface EndedTogether {
  oid: number;
  cluster: string | null;
  /** The server said that nothing of it is left. */
  gone: boolean;
  /** Process ids of its sessions that were told to stop. */
  ended: number[];
}

interface Waiting extends Login {
  known: GrantHandle;
  resolve(ended: EndedTogether | null): void;
  reject(error: unknown): void;
  signal: AbortSignal;
}

interface Gathering {
  waiting: Waiting[];
  connections: number;
}

const gatherings = new WeakMap<PostgresClient, Gathering>();

/**
 * null, at once or after a while: nothing was done, end it alone. Errors: those of a target that cannot be reached, and
 * `target-aborted`.
 */
export function endTogether(
  client: PostgresClient,
  known: GrantHandle,
  signal: AbortSignal,
): Promise<EndedTogether | null> | null {
  const { login, oid } = known;
  if (oid === undefined || client.slots.free) return null;
  const gathering = gatherings.get(client) ?? { waiting: [], connections: 0 };
  gatherings.set(client, gathering);
  const { promise, resolve, reject } = Promise.withResolvers<EndedTogether | null>();
  const own: Waiting = { login, oid, known, resolve, reject, signal };
  gathering.waiting.push(own);
  if (gathering.connections < MOST_CONNECTIONS) void work(client, gathering);
  return untilAborted(signal, promise, ignore, () => {
    gathering.waiting = gathering.waiting.filter((one) => one !== own);
  });
}

async function work(client: PostgresClient, gathering: Gathering): Promise<void> {
  gathering.connections++;
  for (let [first] = gathering.waiting; first !== undefined; [first] = gathering.waiting)
    await nextOnes(client, gathering, first.signal);
  gathering.connections--;
}

/**
 * Those who wait when a connection is free; all of them hear what came of it. `signal`: of who has waited longest; when he
 * gives up, the others who went with him are on their own. Never rejects.
 */
async function nextOnes(client: PostgresClient, gathering: Gathering, signal: AbortSignal): Promise<void> {
  let together: Waiting[] = [];
  try {
    await withConnection(client, signal, async (connection) => {
      together = gathering.waiting.splice(0, MOST_TOGETHER);
      await endAll(connection, together, client.access.mark);
    });
  } catch (error) {
    // Without a connection nobody was taken yet.
    if (together.length === 0 && !signal.aborted) together = gathering.waiting.splice(0, MOST_TOGETHER);
    for (const { resolve, reject } of together) signal.aborted ? resolve(null) : reject(error);
  }
}

async function endAll(connection: Connection, together: Waiting[], mark: Mark): Promise<void> {
  const here = together.filter(({ known }) => sameCluster(connection, known));
  const told = here.length === 0 ? null : await unlessRefused(connection, shutDoors(here, mark));
  const gone = told === null ? null : await unlessRefused(connection, dropAll(here, mark));
  const ended = new Map(told?.map((row) => [number(row, 'oid'), numbers(row, 'ended')]));
  const absent = new Set(gone?.map((row) => number(row, 'oid')));
  for (const one of together)
    one.resolve(
      told === null || !here.includes(one)
        ? null
        : {
            oid: one.oid,
            cluster: connection.cluster,
            gone: absent.has(one.oid),
            ended: ended.get(one.oid) ?? [],
          },
    );
}

/** null: the server did not do it, because of one of them; it will say of which when they are ended alone. */
async function unlessRefused(connection: Connection, text: string): Promise<Row[] | null> {
  try {
    return await connection.rows(text);
  } catch (error) {
    if (!isDatabaseError(error)) throw error;
    await connection.rows('ROLLBACK');
    return null;
  }
}

function ignore(): void {}
