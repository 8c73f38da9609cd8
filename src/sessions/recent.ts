// The last statements of an open session, for whoever watches it: a ring of what went into the recording, so in the
// form that the recording keeps, and never more than it, however slow the watcher is.

import type { Begun, Recorded } from './recorder.ts';

/** Shown to a watcher at most; what was before stands in the recording. */
export const MOST_RECENT = 100;
export const LONGEST_SHOWN_TEXT = 2_000;

export class RecentStatements {
  readonly #ended: Recorded[] = [];
  #next = 0;
  readonly #running = new Map<number, Begun>();
  /** Counts up with each statement that begins or ends. */
  changes = 0;

  /** Called on the hot path; must not throw. */
  end(statement: Recorded): void {
    this.changes++;
    if (this.#running.size > 0) this.#running.delete(statement.index);
    this.#ended[this.#next] =
      statement.text.length > LONGEST_SHOWN_TEXT
        ? { ...statement, text: shortened(statement.text) }
        : statement;
    this.#next = (this.#next + 1) % MOST_RECENT;
  }

  begin(statement: Begun): void {
    this.changes++;
    if (this.#running.size < MOST_RECENT)
      this.#running.set(statement.index, { ...statement, text: shortened(statement.text) });
  }

  /** In their order; those that run are last. */
  list(): { ended: Recorded[]; running: Begun[] } {
    const byIndex = (a: Begun, b: Begun) => a.index - b.index;
    return { ended: [...this.#ended].sort(byIndex), running: [...this.#running.values()].sort(byIndex) };
  }
}

/** A copy, since a slice would keep the whole text in memory; well formed, since it goes into the store. */
export function shortened(text: string): string {
  if (text.length <= LONGEST_SHOWN_TEXT) return text;
  return Buffer.from(`${text.slice(0, LONGEST_SHOWN_TEXT).toWellFormed()}…`).toString();
}
