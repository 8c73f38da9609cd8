// What the sessions of a grant may read, all of them together. Those of this process count in memory, row by row; those
// of other replicas as they last said in the store, so together they may be over by what the others read in the last
// few seconds. What a session has read stays counted when it ends, also when its gateway died.

import { sql } from 'kysely';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { rowsText, sizeText } from '../base/size.ts';
import type { Db } from '../db/client.ts';
import type { SessionTicket } from '../grants/session-ticket.ts';

export interface Amount {
  rows: number;
  bytes: number;
}

/** One session's view of its grant's budget. */
export interface Budget {
  /** What this session has read. */
  readonly read: Readonly<Amount>;
  /** Nothing more may be read: it is used up, or the next row would not fit any more. */
  readonly over: boolean;
  /** As many bytes of rows fit for sure, whatever rows they are. */
  fits(bytes: number): boolean;
  /** Whether one more row fits; a row that does not leaves nothing for later ones. */
  mayTake(bytes: number): boolean;
  spend(rows: number, bytes: number): void;
  /** In words: `10,000 rows`. */
  readonly words: string;
}

type Limits = NonNullable<SessionTicket['budget']>;

export interface Budgets {
  /** null: nothing limits it. `warn` gets what is to be told at four fifths. Errors: the store's. */
  join(ticket: SessionTicket, warn: (said: string) => void): Promise<Budget | null>;
  leave(ticket: SessionTicket): void;
  /** What other replicas' sessions have read. */
  refresh(): Promise<void>;
}

/** type, length, and the number of columns: a DataRow is never smaller. */
const SMALLEST_ROW_BYTES = 7;
const WARN_AT = 0.8;

interface Pool {
  /** By session, of this process. */
  here: Map<string, GrantBudget>;
  /** All other sessions of the grant, as the store knows them. */
  elsewhere: Amount;
}

export function createBudgets(ctx: { db: Db; log: Logger }): Budgets {
  const pools = new Map<string, Pool>();

  async function read(grantIds: string[], here: string[]): Promise<Map<string, Amount>> {
    const { rows } = await sql<{ grant_id: string } & Amount>`
      select grant_id, sum(rows_read)::float8 as rows, sum(bytes_read)::float8 as bytes from sessions
      where grant_id = any(${grantIds}::text[]) and id <> all(${here}::text[]) group by grant_id`.execute(
      ctx.db,
    );
    return new Map(rows.map((row) => [row.grant_id, { rows: row.rows, bytes: row.bytes }]));
  }

  return {
    async join(ticket, warn) {
      if (ticket.budget === null) return null;
      const { grantId, sessionId } = ticket;
      const pool = pools.get(grantId) ?? { here: new Map(), elsewhere: { rows: 0, bytes: 0 } };
      const budget = new GrantBudget(ticket.budget, pool, warn);
      // Before the store is asked, so that one that leaves meanwhile is not forgotten with the pool.
      pools.set(grantId, pool);
      pool.here.set(sessionId, budget);
      try {
        const found = await read([grantId], [...pool.here.keys()]);
        raise(pool, found.get(grantId));
      } catch (error) {
        this.leave(ticket);
        throw error;
      }
      return budget;
    },

    leave({ grantId, sessionId }) {
      const pool = pools.get(grantId);
      const budget = pool?.here.get(sessionId);
      if (pool === undefined || budget === undefined) return;
      pool.here.delete(sessionId);
      pool.elsewhere = {
        rows: pool.elsewhere.rows + budget.read.rows,
        bytes: pool.elsewhere.bytes + budget.read.bytes,
      };
      if (pool.here.size === 0) pools.delete(grantId);
    },

    async refresh() {
      if (pools.size === 0) return;
      const here = [...pools.values()].flatMap((pool) => [...pool.here.keys()]);
      try {
        const found = await read([...pools.keys()], here);
        for (const [grantId, pool] of pools) raise(pool, found.get(grantId));
      } catch (error) {
        ctx.log.warn({ reason: messageOf(error) }, 'budgets could not be compared with other replicas');
      }
    },
  };
}

/** Never down: what a session had read that ended meanwhile may not be in the answer. */
function raise(pool: Pool, found: Amount | undefined): void {
  if (found === undefined) return;
  pool.elsewhere = {
    rows: Math.max(found.rows, pool.elsewhere.rows),
    bytes: Math.max(found.bytes, pool.elsewhere.bytes),
  };
}

class GrantBudget implements Budget {
  readonly read: Amount = { rows: 0, bytes: 0 };
  readonly #limits: { rows: number; bytes: number };
  readonly #pool: Pool;
  readonly #warn: (said: string) => void;
  readonly words: string;
  #full = false;
  #warned = false;

  constructor(limits: Limits, pool: Pool, warn: (said: string) => void) {
    this.#limits = {
      rows: limits.rows ?? Number.MAX_SAFE_INTEGER,
      bytes: limits.bytes ?? Number.MAX_SAFE_INTEGER,
    };
    this.#pool = pool;
    this.#warn = warn;
    this.words = [
      ...(limits.rows === null ? [] : [rowsText(limits.rows)]),
      ...(limits.bytes === null ? [] : [sizeText(limits.bytes)]),
    ].join(' or ');
  }

  get over(): boolean {
    const { rows, bytes } = this.#used();
    return this.#full || rows >= this.#limits.rows || bytes >= this.#limits.bytes;
  }

  fits(bytes: number): boolean {
    const used = this.#used();
    return (
      !this.#full &&
      used.rows + bytes / SMALLEST_ROW_BYTES <= this.#limits.rows &&
      used.bytes + bytes <= this.#limits.bytes
    );
  }

  mayTake(bytes: number): boolean {
    const used = this.#used();
    if (this.#full || used.rows + 1 > this.#limits.rows || used.bytes + bytes > this.#limits.bytes)
      this.#full = true;
    return !this.#full;
  }

  spend(rows: number, bytes: number): void {
    this.read.rows += rows;
    this.read.bytes += bytes;
    if (this.#warned) return;
    const used = this.#used();
    const part = Math.max(used.rows / this.#limits.rows, used.bytes / this.#limits.bytes);
    if (part < WARN_AT) return;
    this.#warned = true;
    this.#warn(
      `${Math.floor(Math.min(part, 1) * 100)} % of what this grant may read is read: ${this.words}, by all its sessions together.`,
    );
  }

  #used(): Amount {
    let { rows, bytes } = this.#pool.elsewhere;
    for (const { read } of this.#pool.here.values()) {
      rows += read.rows;
      bytes += read.bytes;
    }
    return { rows, bytes };
  }
}
