// Cancel keys of our own, one a session: a client never sees the target's, so it can cancel its own session's work
// and nothing else. Long (32 bytes) for clients that speak 3.2, four bytes for the others, as the protocol has it.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { SessionTicket } from '../../grants/session-ticket.ts';
import { cancelUpstream, type Upstream } from './upstream.ts';

export interface CancelKey {
  processId: number;
  secret: Buffer;
}

export interface CancelKeys {
  /** A new key for a session; `long`: the client speaks 3.2. */
  add(ticket: SessionTicket, upstream: Upstream['cancelKey'], long: boolean): CancelKey;
  remove(key: CancelKey): void;
  /** `body`: a CancelRequest after its code. Resolves when the target has taken note; a wrong key is no error. */
  cancel(body: Buffer): Promise<void>;
}

const SHORT_BYTES = 4;
const LONG_BYTES = 32;
const CANCEL_TIMEOUT_MS = 5_000;
const LARGEST_PROCESS_ID = 0x7fff_ffff;

export function createCancelKeys(): CancelKeys {
  const keys = new Map<number, { key: CancelKey; ticket: SessionTicket; upstream: Upstream['cancelKey'] }>();

  function freeProcessId(): number {
    for (;;) {
      const id = randomBytes(4).readUInt32BE(0) & LARGEST_PROCESS_ID;
      if (id !== 0 && !keys.has(id)) return id;
    }
  }

  return {
    add(ticket, upstream, long) {
      const key = { processId: freeProcessId(), secret: randomBytes(long ? LONG_BYTES : SHORT_BYTES) };
      keys.set(key.processId, { key, ticket, upstream });
      return key;
    },
    remove: (key) => void keys.delete(key.processId),
    async cancel(body) {
      if (body.length < 4 + SHORT_BYTES) return;
      const found = keys.get(body.readUInt32BE(0));
      const secret = body.subarray(4);
      if (found === undefined || found.upstream === null || secret.length !== found.key.secret.length) return;
      if (!timingSafeEqual(secret, found.key.secret)) return;
      await cancelUpstream(found.ticket, found.upstream, CANCEL_TIMEOUT_MS).catch(() => undefined);
    },
  };
}
