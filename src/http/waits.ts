// How many calls of one principal may wait at a time, and for how long they may: each looks at the store again and again,
// and somebody who opens thousands would take it away from everybody's revocations; none outlives the caller's token.

import { Failure } from '../base/errors.ts';

export const MOST_WAITS_OF_CALLER = 50;
/** Whoever may not call any more is answered within this. */
export const ASK_AGAIN_MS = 3_000;

export interface Waits {
  /** Counts one more wait of `principalId`; the answer ends it. Errors: `too-many-waits`. */
  begin(principalId: string): () => void;
}

export function createWaits(): Waits {
  const counts = new Map<string, number>();
  return {
    begin(principalId) {
      const count = counts.get(principalId) ?? 0;
      if (count >= MOST_WAITS_OF_CALLER) {
        throw new Failure(
          'limit',
          'too-many-waits',
          `${MOST_WAITS_OF_CALLER} of your calls are waiting already.`,
          { hint: 'Ask without `wait`, or let some of them end.' },
        );
      }
      counts.set(principalId, count + 1);
      let over = false;
      return () => {
        if (over) return;
        over = true;
        const left = (counts.get(principalId) ?? 1) - 1;
        if (left > 0) counts.set(principalId, left);
        else counts.delete(principalId);
      };
    },
  };
}

/**
 * Asks again and again whether the caller would still be let in, while their call waits; at the first no the waiting ends.
 * `throwIfRefused` then says why, so that nothing of what was waited for is answered.
 */
export function keepAsking(
  askAgain: () => Promise<void>,
  wait: AbortController,
): { throwIfRefused(): void; stop(): void } {
  let refusal: Failure | null = null;
  let asking = false;
  const timer = setInterval(async () => {
    if (asking || refusal !== null) return;
    asking = true;
    try {
      await askAgain();
    } catch (error) {
      // A store that is away says nothing about anybody.
      if (!(error instanceof Failure) || error.kind === 'unavailable') return;
      refusal = error;
      wait.abort();
    } finally {
      asking = false;
    }
  }, ASK_AGAIN_MS);
  return {
    throwIfRefused() {
      if (refusal !== null) throw refusal;
    },
    stop: () => clearInterval(timer),
  };
}
