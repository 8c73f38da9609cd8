// A bound on how many callers work on one target at a time, with a wait that can be given up.

import { Failure } from '../../../base/errors.ts';
import { aborted } from './failures.ts';

const MOST_WAITING = 10_000;

export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#free = size;
  }

  /** Nobody would have to wait. */
  get free(): boolean {
    return this.#free > 0;
  }

  /** Resolves when a slot is the caller's, first come first served. Errors: `target-aborted`, `target-busy`. */
  async take(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw aborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    if (this.#waiting.length >= MOST_WAITING)
      throw new Failure('limit', 'target-busy', `More than ${MOST_WAITING} calls wait for this target.`);
    await new Promise<void>((resolve, reject) => {
      const turn = () => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(aborted());
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(turn);
    });
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
