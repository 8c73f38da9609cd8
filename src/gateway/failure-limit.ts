// A brake for logins that fail: after a few within a short window, an address is turned away until the window ends.
// Secrets are random and long, so this is not what keeps guessing out; it keeps a broken client from costing others.

import { monotonicMs } from '../base/timer.ts';
import { ProtocolError } from './postgres/protocol-error.ts';

export interface FailureLimit {
  /** Errors: ProtocolError `limit` when this address, or this address with this login, failed too often just now. */
  check(address: string, login: string): void;
  add(address: string, login: string): void;
}

const WINDOW_MS = 10_000;
const MOST_FAILURES_OF_LOGIN = 20;
const MOST_FAILURES_OF_ADDRESS = 100;
const MOST_KEPT = 10_000;

export function createFailureLimit(): FailureLimit {
  let counts = new Map<string, number>();
  let windowEnds = 0;

  function current(): Map<string, number> {
    const now = monotonicMs();
    if (now >= windowEnds || counts.size > MOST_KEPT) {
      counts = new Map();
      windowEnds = now + WINDOW_MS;
    }
    return counts;
  }

  return {
    check(address, login) {
      const now = current();
      const tooMany =
        (now.get(`${address} ${login}`) ?? 0) >= MOST_FAILURES_OF_LOGIN ||
        (now.get(address) ?? 0) >= MOST_FAILURES_OF_ADDRESS;
      if (tooMany) {
        throw new ProtocolError(
          'limit',
          'Too many logins failed from this address.',
          undefined,
          '28000',
          'Wait ten seconds.',
        );
      }
    },
    add(address, login) {
      const now = current();
      for (const key of [address, `${address} ${login}`]) now.set(key, (now.get(key) ?? 0) + 1);
    },
  };
}
