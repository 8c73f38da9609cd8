// How a statement is refused without losing the order of answers. In its place goes a text that cannot parse, so the
// target itself produces the error: after the answers to what was sent before, with the transaction aborted where one
// is open, everything up to the next Sync ignored, and ReadyForQuery with the right status. Only the error's words
// are changed on the way back. A syntax error has no effect and needs no right, in every state of a transaction;
// the text is random for each session, so a client cannot make an error that looks like ours.

import { randomBytes } from 'node:crypto';
import { errorResponse, FROM_CLIENT, message, zeroEnded } from '../../pg-wire/frames.ts';
import type { Refusal } from './guard/guard.ts';

const MOST_WAITING = 20_000;

export interface StandIns {
  /** Keeps `refusal` until the target's error comes; returns its number. */
  add(refusal: Refusal): number;
  query(id: number): Buffer;
  parse(id: number, name: string): Buffer;
  /** The number in an error's message, or -1 for an error of another cause. */
  find(errorMessage: string): number;
  /** The client's ErrorResponse for a refusal. */
  answer(id: number): Buffer;
}

export function createStandIns(): StandIns {
  const mark = `sallyport_refused_${randomBytes(12).toString('hex')}_`;
  const pattern = new RegExp(`${mark}(\\d{1,10})`);
  const waiting = new Map<number, Refusal>();
  let next = 0;
  return {
    add(refusal) {
      const id = next++;
      waiting.set(id, refusal);
      // Those that the target skipped (after an error, up to a Sync) are never asked for.
      if (waiting.size > MOST_WAITING) for (const old of waiting.keys()) if (waiting.delete(old)) break;
      return id;
    },
    query: (id) => message(FROM_CLIENT.query, zeroEnded(mark + id)),
    parse: (id, name) =>
      message(
        FROM_CLIENT.parse,
        Buffer.from(name, 'latin1'),
        Buffer.from([0]),
        zeroEnded(mark + id),
        Buffer.from([0, 0]),
      ),
    find: (errorMessage) => Number(pattern.exec(errorMessage)?.[1] ?? -1),
    answer(id) {
      const refusal = waiting.get(id) ?? { sqlstate: '42501', text: 'Sallyport refused this statement.' };
      waiting.delete(id);
      return errorResponse({ severity: 'ERROR', ...refusal });
    },
  };
}
