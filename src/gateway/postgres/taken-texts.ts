// What the server has taken: the texts behind the names of prepared statements and portals, by its own answers, so
// that an Execute is recorded as what it really ran. What they hold is counted and bounded.

import type { Verdict } from './guard/guard.ts';
import type { Entry } from './ledger-entry.ts';

/** Prepared statements of one session, and characters in them; one more is refused. */
export const MOST_PREPARED = 5_000;
const MOST_PREPARED_CHARACTERS = 16_000_000;
const LONGEST_NAME = 63;

export interface Taken {
  text: string;
  /** null: it was not made in this session's record. */
  verdict: Verdict | null;
}

export class TakenTexts {
  readonly #statements = new Map<string, Taken>();
  readonly #portals = new Map<string, Taken>();
  #characters = 0;

  /** No more prepared statements fit. */
  get full(): boolean {
    return this.#statements.size >= MOST_PREPARED || this.#characters >= MOST_PREPARED_CHARACTERS;
  }

  statement(name: string): Taken | undefined {
    return this.#statements.get(name);
  }

  portal(name: string): Taken {
    return this.#portals.get(name) ?? unknown('portal', name);
  }

  prepare(name: string, taken: Taken): void {
    this.forget(name);
    this.#statements.set(name, taken);
    this.#characters += taken.text.length;
  }

  bind(portal: string, statement: string): void {
    this.#portals.set(portal, this.#statements.get(statement) ?? unknown('statement', statement));
  }

  forget(statement: string): void {
    this.#characters -= this.#statements.get(statement)?.text.length ?? 0;
    this.#statements.delete(statement);
  }

  closePortal(name: string): void {
    this.#portals.delete(name);
  }

  /** Outside a transaction no portal of the protocol lives on. */
  closePortals(): void {
    if (this.#portals.size > 0) this.#portals.clear();
  }

  /**
   * PREPARE and DECLARE in SQL make names that the protocol can use; they share one namespace with its own. A text may hold
   * several, and fail before each: `tag` says that the next one is made.
   */
  learnName(entry: Entry, tag: string): void {
    const { text, verdict } = entry;
    const taken = { text, verdict };
    if (tag === 'PREPARE') {
      const name = verdict?.prepares[entry.prepared++];
      if (name !== undefined) this.prepare(name.slice(0, LONGEST_NAME), taken);
    } else if (tag === 'DECLARE CURSOR') {
      const name = verdict?.declares[entry.declared++];
      if (name !== undefined) this.#portals.set(name.slice(0, LONGEST_NAME), taken);
    }
  }
}

function unknown(what: string, name: string): Taken {
  return { text: `(${what} "${name}", not made in this session's record)`, verdict: null };
}
