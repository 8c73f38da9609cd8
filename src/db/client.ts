// The one way to the store: a pool, kysely on it, and transactions that say what they may be retried for.

import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import pg from 'pg';
import type { Tables } from './tables.ts';

export type Db = Kysely<Tables>;
/** What `audit.append` and everything that must stand or fall with an act takes: never the pool. */
export type Trx = Transaction<Tables>;

export interface StoreOptions {
  connectionString: string;
  /** Connections at most. */
  poolSize: number;
  /** A connection that dies while idle is told here; the pool replaces it by itself. */
  onError: (error: Error) => void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;

// bigint (int8) columns hold counts and indexes far below 2^53, so they are read as numbers.
const INT8_OID = 20;

/** Opens lazily: the first query connects. `close` with `db.destroy()`. */
export function openStore(options: StoreOptions): Db {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.poolSize,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'sallyport',
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === INT8_OID && format !== 'binary' ? safeInteger : pg.types.getTypeParser(oid, format as 'text'),
    },
  });
  pool.on('error', options.onError);
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
}

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`The store holds ${text}, beyond 2^53.`);
  return value;
}
