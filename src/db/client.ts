// The one way to the store: a pool whose frequent statements are prepared (prepare.ts), kysely on it, and
// transactions that can say what is to happen once they are committed.

import { Kysely, PostgresDialect, type Transaction, type TransactionBuilder } from 'kysely';
import pg from 'pg';
import { preparing } from './prepare.ts';
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
/** A server that is gone without a word says nothing of its own timeout. */
const QUERY_TIMEOUT_MS = 35_000;
const KEEP_ALIVE_MS = 10_000;

// bigint (int8) columns hold counts and indexes far below 2^53, so they are read as numbers.
const INT8_OID = 20;

/** Opens lazily: the first query connects. `close` with `db.destroy()`. */
export function openStore(options: StoreOptions): Db {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.poolSize,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    application_name: 'sallyport',
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === INT8_OID && format !== 'binary' ? safeInteger : pg.types.getTypeParser(oid, format as 'text'),
    },
  });
  pool.on('error', options.onError);
  // The pool listens only while a connection is idle: one that breaks between two statements of a transaction would end
  // the program. Whoever uses it hears of it from the next statement.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return new Store({ dialect: new PostgresDialect({ pool: preparing(pool) }) });
}

interface Open {
  store: Db;
  due: (() => void)[];
}

const open = new WeakMap<Trx, Open>();

class Store extends Kysely<Tables> {
  override transaction(): TransactionBuilder<Tables> {
    const builder = super.transaction();
    const execute = builder.execute.bind(builder);
    builder.execute = async <T>(act: (trx: Trx) => Promise<T>): Promise<T> => {
      const due: (() => void)[] = [];
      const result = await execute((trx) => {
        open.set(trx, { store: this, due });
        return act(trx);
      });
      for (const one of due) one();
      return result;
    };
    return builder;
  }
}

/**
 * Runs `act` when `handle` has committed (at once for the store itself), and never when it rolls back. `act` must not
 * throw; a crash right after the commit loses it, so it may only carry hints. It gets the store, not the transaction.
 */
export function afterCommit(handle: Trx | Db, act: (store: Db) => void): void {
  const transaction = handle.isTransaction ? open.get(handle as Trx) : undefined;
  if (transaction === undefined) act(handle);
  else transaction.due.push(() => act(transaction.store));
}

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`The store holds ${text}, beyond 2^53.`);
  return value;
}
