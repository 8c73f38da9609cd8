// Cancel keys of our own, one a session: a client never sees the target's, so it can cancel its own session's work
// and nothing else. Long (32 bytes) for clients that speak 3.2, four bytes for the others, as the protocol has it. A
// cancel request comes on a connection of its own and so may reach another gateway than the session did: that one
// passes the key's digest on, and whoever has the key cancels.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { monotonicMs } from '../../base/timer.ts';
import type { SessionTicket } from '../../grants/session-ticket.ts';
import { cancelUpstream, type Upstream } from './upstream.ts';

export interface CancelKey {
  processId: number;
  secret: Buffer;
}

/** The other gateways of the installation. */
export interface OtherGateways {
  /** Asks them for the session whose key has this digest. */
  cancel(digest: string): void;
  /** Calls when another asks; returns the function that stops it. */
  onCancel(handler: (digest: string) => void): () => void;
}

export interface CancelKeys {
  /** A new key for a session; `long`: the client speaks 3.2. */
  add(ticket: SessionTicket, upstream: Upstream['cancelKey'], long: boolean): CancelKey;
  remove(key: CancelKey): void;
  /** `body`: a CancelRequest after its code. Resolves when the target has taken note; a wrong key is no error. */
  cancel(body: Buffer): Promise<void>;
  close(): void;
}

const SHORT_BYTES = 4;
const LONG_BYTES = 32;
const CANCEL_TIMEOUT_MS = 5_000;
const LARGEST_PROCESS_ID = 0x7fff_ffff;
/** Requests that are passed on in a second, so that nobody can make every gateway busy from one. */
const MOST_PASSED_ON = 50;

interface Kept {
  key: CancelKey;
  digest: string;
  ticket: SessionTicket;
  upstream: Upstream['cancelKey'];
}

export function createCancelKeys(others?: OtherGateways): CancelKeys {
  const keys = new Map<number, Kept>();
  let passedOn = { since: monotonicMs(), count: 0 };
  const stopHearing = others?.onCancel((digest) => {
    for (const kept of keys.values()) if (kept.digest === digest) void cancelOne(kept);
  });

  async function cancelOne({ ticket, upstream }: Kept): Promise<void> {
    if (upstream !== null) await cancelUpstream(ticket, upstream, CANCEL_TIMEOUT_MS).catch(() => undefined);
  }

  function passOn(body: Buffer): void {
    if (monotonicMs() - passedOn.since > 1_000) passedOn = { since: monotonicMs(), count: 0 };
    passedOn.count++;
    if (passedOn.count <= MOST_PASSED_ON) others?.cancel(digestOf(body));
  }

  function freeProcessId(): number {
    for (;;) {
      const id = randomBytes(4).readUInt32BE(0) & LARGEST_PROCESS_ID;
      if (id !== 0 && !keys.has(id)) return id;
    }
  }

  return {
    add(ticket, upstream, long) {
      const key = { processId: freeProcessId(), secret: randomBytes(long ? LONG_BYTES : SHORT_BYTES) };
      const body = Buffer.alloc(4);
      body.writeUInt32BE(key.processId);
      const digest = digestOf(Buffer.concat([body, key.secret]));
      keys.set(key.processId, { key, digest, ticket, upstream });
      return key;
    },
    remove: (key) => void keys.delete(key.processId),
    async cancel(body) {
      if (body.length < 4 + SHORT_BYTES) return;
      const found = keys.get(body.readUInt32BE(0));
      const secret = body.subarray(4);
      const ours =
        found !== undefined &&
        secret.length === found.key.secret.length &&
        timingSafeEqual(secret, found.key.secret);
      if (ours) await cancelOne(found);
      else if (secret.length === SHORT_BYTES || secret.length === LONG_BYTES) passOn(body);
    },
    close: () => stopHearing?.(),
  };
}

function digestOf(body: Buffer): string {
  return createHash('sha256').update(body).digest('base64url');
}
