// How many calls of one principal may wait at a time. Each looks at the store again and again, and somebody who opens
// thousands would take it away from everybody's revocations.

import { Failure } from '../base/errors.ts';

export const MOST_WAITS_OF_CALLER = 50;

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
