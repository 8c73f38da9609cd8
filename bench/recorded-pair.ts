// What the connector says to a PostgreSQL target for one grant and its revocation, recorded between the two and made
// replayable: the floor of the grant bench is then the very same statements without anything of ours around them.

import { connect, createServer, type Socket } from 'node:net';
import pg from 'pg';
import { z } from 'zod';

export interface RecordedPair {
  /** The texts of a grant and of a revocation, a simple query each, with the recorded names still in them. */
  grant: string[];
  revoke: string[];
  login: string;
  grantId: string;
  oid: number;
}

/** Frontend messages that may stand between queries: passwords of the login, and the goodbye. */
const NOT_QUERIES = new Set(['p', 'X']);
const TYPE_BYTES = 1;
const LENGTH_BYTES = 4;

export interface Recorder {
  port: number;
  /** The simple queries since the last call, in order. Errors: anything that cannot be replayed as one. */
  take(): string[];
  /** Drops what came until now. */
  forget(): void;
  close(): Promise<void>;
}

/** Listens on loopback, passes everything on to `port` there, and keeps what clients ask. Without TLS. */
export async function startRecorder(port: number): Promise<Recorder> {
  const queries: string[] = [];
  const odd = new Set<string>();
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const target = connect({ host: '127.0.0.1', port, noDelay: true });
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
    }
    const read = queryReader((type, body) => {
      if (type === 'Q') queries.push(body.toString('utf8', 0, body.length - 1));
      else if (!NOT_QUERIES.has(type)) odd.add(type);
    });
    client.on('data', read);
    client.pipe(target);
    target.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: z.object({ port: z.number() }).parse(server.address()).port,
    take() {
      if (odd.size > 0)
        throw new Error(
          `The connector sends messages of type ${[...odd].join(', ')}; a floor cannot replay them.`,
        );
      return queries.splice(0);
    },
    forget() {
      queries.length = 0;
      odd.clear();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

// The first message, the startup packet, has no type.
function queryReader(found: (type: string, body: Buffer) => void): (chunk: Buffer) => void {
  let kept = Buffer.alloc(0);
  let started = false;
  return (chunk) => {
    kept = Buffer.concat([kept, chunk]);
    while (true) {
      const head = started ? TYPE_BYTES : 0;
      if (kept.length < head + LENGTH_BYTES) return;
      const end = head + kept.readUInt32BE(head);
      if (kept.length < end) return;
      if (started) found(kept.toString('latin1', 0, TYPE_BYTES), kept.subarray(head + LENGTH_BYTES, end));
      started = true;
      kept = kept.subarray(end);
    }
  };
}

const made = z.object({ oid: z.coerce.number().int().positive() });

/** One pair of `recorded` under names of its own; each text is one trip, as it was. */
export async function replay(
  pool: pg.Pool,
  recorded: RecordedPair,
  login: string,
  grantId: string,
): Promise<void> {
  await replayRevoke(pool, recorded, {
    login,
    grantId,
    oid: await replayGrant(pool, recorded, login, grantId),
  });
}

/** The first half; gives the OID of the login. */
export async function replayGrant(
  pool: pg.Pool,
  recorded: RecordedPair,
  login: string,
  grantId: string,
): Promise<number> {
  let oid = 0;
  for (const text of recorded.grant) {
    const answer: pg.QueryResult | pg.QueryResult[] = await pool.query(
      renamed(text, recorded, { login, grantId, oid }),
    );
    const [row] = [answer].flat().findLast((one) => one.rows.length > 0)?.rows ?? [];
    if (row !== undefined) oid = made.parse(row).oid;
  }
  return oid;
}

export async function replayRevoke(
  pool: pg.Pool,
  recorded: RecordedPair,
  own: Pick<RecordedPair, 'login' | 'grantId' | 'oid'>,
): Promise<void> {
  for (const text of recorded.revoke) await pool.query(renamed(text, recorded, own));
}

function renamed(
  text: string,
  recorded: RecordedPair,
  own: Pick<RecordedPair, 'login' | 'grantId' | 'oid'>,
): string {
  const names = new Map([
    [recorded.login, own.login],
    [recorded.grantId, own.grantId],
    [String(recorded.oid), String(own.oid)],
  ]);
  // In one pass, and an OID only by itself: its digits may stand in a name.
  return text.replace(
    new RegExp(`${recorded.login}|${recorded.grantId}|\\b${recorded.oid}\\b`, 'g'),
    (found) => names.get(found) ?? found,
  );
}

/** A pool of plain connections with the connector's own session settings. */
export function plainPool(url: string, size: number): pg.Pool {
  return new pg.Pool({ connectionString: url, max: size, options: '-c search_path=pg_catalog' });
}
