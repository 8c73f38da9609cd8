// Prepares what the program asks again and again: the store then neither parses nor plans it anew (measured: half of
// its processor time on the way of a grant). Statements are told by their text; one that is asked once stays unnamed.
// Behind a proxy that pools by transaction a name would be looked for on another connection, so there nothing is.

import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import type pg from 'pg';
import { codeOf } from '../base/errors.ts';

/** Asked this often, a statement is worth a name. */
const PREPARE_AFTER = 3;
/** Names at most on each connection; texts beyond them stay unnamed. */
const MOST_PREPARED = 200;
/** Texts that are counted at a time. */
const MOST_COUNTED = 2_000;
/** "cached plan must not change result type": another replica has changed the shape of a table. */
const PLAN_OUTDATED = '0A000';

interface Names {
  counts: Map<string, number>;
  byText: Map<string, string>;
  /** Counts up when the shape of the store has changed, so that all names are new. */
  generation: number;
}

/** `pool` as kysely takes it. */
export function preparing(pool: pg.Pool): PostgresPool {
  const names: Names = { counts: new Map(), byText: new Map(), generation: 0 };
  const clients = new WeakMap<pg.PoolClient, PreparingClient>();
  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect();
      let known = clients.get(client);
      if (known === undefined) {
        known = new PreparingClient(client, names, await isDirect(client));
        clients.set(client, known);
      }
      return known;
    },
  };
}

/** A proxy that hands out its servers by transaction gives the client a cancel key of its own making. */
async function isDirect(client: pg.PoolClient): Promise<boolean> {
  if (!('processID' in client)) return false;
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    return rows[0]?.pid === client.processID;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

class PreparingClient implements PostgresPoolClient {
  readonly #client: pg.PoolClient;
  readonly #names: Names;
  readonly #prepares: boolean;
  /** A statement was never answered: whatever comes next on this connection would wait behind it. */
  #silent = false;

  constructor(client: pg.PoolClient, names: Names, prepares: boolean) {
    this.#client = client;
    this.#names = names;
    this.#prepares = prepares;
  }

  query<R>(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<R>>;
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>;
  query<R>(
    asked: string | PostgresCursor<R>,
    values: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof asked !== 'string') throw new TypeError('The store is not read by cursors.');
    return this.#ask(asked, [...values]);
  }

  async #ask<R>(text: string, values: unknown[]): Promise<PostgresQueryResult<R>> {
    const name = this.#prepares && values.length > 0 ? nameOf(this.#names, text) : undefined;
    try {
      if (name === undefined) return resultOf<R>(await this.#client.query(text, values));
      return resultOf<R>(await this.#client.query({ name, text, values }));
    } catch (error) {
      if (isUnanswered(error)) this.#silent = true;
      if (name === undefined || !isOutdated(error)) throw error;
      this.#names.generation += 1;
      this.#names.byText.clear();
      // Inside a transaction everything before it is lost too, so its owner has to hear of it.
      if (this.#client.getTransactionStatus() !== 'I') throw error;
      return resultOf<R>(await this.#client.query(text, values));
    }
  }

  release(destroy?: boolean): void {
    this.#client.release(destroy === true || this.#silent);
  }
}

// The types of `pg` leave open which commands there are; kysely names those that it looks at.
function resultOf<R>(result: pg.QueryResult): PostgresQueryResult<R> {
  return {
    command: result.command as PostgresQueryResult<R>['command'],
    rowCount: result.rowCount ?? 0,
    rows: result.rows,
  };
}

function nameOf(names: Names, text: string): string | undefined {
  const name = names.byText.get(text);
  if (name !== undefined) return name;
  const count = (names.counts.get(text) ?? 0) + 1;
  if (count < PREPARE_AFTER) {
    if (names.counts.size >= MOST_COUNTED) names.counts.clear();
    names.counts.set(text, count);
    return undefined;
  }
  if (names.byText.size >= MOST_PREPARED) return undefined;
  const fresh = `s${names.generation}_${names.byText.size + 1}`;
  names.byText.set(text, fresh);
  return fresh;
}

function isOutdated(error: unknown): boolean {
  return codeOf(error) === PLAN_OUTDATED;
}

/** The driver's own timeout has no code. */
function isUnanswered(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout';
}
