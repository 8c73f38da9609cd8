// A brake for logins that fail. A login that failed too often from an address is turned away there until the window
// ends; an address that failed too often with many logins is let in one after another, so that a valid login among them
// still gets its turn. Secrets are random and long, so this is not what keeps guessing out: it keeps a broken client
// from costing others. It is each process's own, since it is that process's time that it saves.

import { monotonicMs } from '../base/timer.ts';
import { ProtocolError } from '../pg-wire/protocol-error.ts';

export interface FailureLimit {
  /**
   * Resolves when this login may prove itself; the answer is called when it has, or has not.
   * Errors: ProtocolError `limit` when this login failed too often from there just now, or too many wait.
   */
  enter(address: string, login: string): Promise<() => void>;
  add(address: string, login: string): void;
}

const WINDOW_MS = 10_000;
const MOST_FAILURES_OF_LOGIN = 20;
const MOST_FAILURES_OF_ADDRESS = 100;
const MOST_KEPT = 10_000;
/** Of an address over its limit. */
const MOST_AT_ONCE = 8;
const MOST_WAITING = 100;

interface Line {
  under: number;
  waiting: (() => void)[];
}

export function createFailureLimit(): FailureLimit {
  let counts = new Map<string, number>();
  let windowEnds = 0;
  const lines = new Map<string, Line>();

  function current(): Map<string, number> {
    const now = monotonicMs();
    if (now >= windowEnds || counts.size > MOST_KEPT) {
      counts = new Map();
      windowEnds = now + WINDOW_MS;
    }
    return counts;
  }

  async function inLine(address: string): Promise<() => void> {
    const line = lines.get(address) ?? { under: 0, waiting: [] };
    lines.set(address, line);
    if (line.waiting.length >= MOST_WAITING) throw tooMany();
    if (line.under >= MOST_AT_ONCE) await new Promise<void>((resolve) => line.waiting.push(resolve));
    line.under++;
    return () => {
      line.under--;
      line.waiting.shift()?.();
      if (line.under === 0 && line.waiting.length === 0) lines.delete(address);
    };
  }

  return {
    async enter(address, login) {
      const now = current();
      if ((now.get(`${address} ${login}`) ?? 0) >= MOST_FAILURES_OF_LOGIN) throw tooMany();
      const slow = (now.get(address) ?? 0) >= MOST_FAILURES_OF_ADDRESS || lines.has(address);
      return slow ? inLine(address) : () => undefined;
    },
    add(address, login) {
      const now = current();
      for (const key of [address, `${address} ${login}`]) now.set(key, (now.get(key) ?? 0) + 1);
    },
  };
}

function tooMany(): ProtocolError {
  return new ProtocolError(
    'limit',
    'Too many logins failed from this address.',
    undefined,
    '28000',
    'Wait ten seconds.',
  );
}
