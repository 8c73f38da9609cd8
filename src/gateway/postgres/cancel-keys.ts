// Cancel keys of our own, one a session: a client never sees the target's, so it can cancel its own session's work
// and nothing else. The process id is the target's: notifications name it, and clients know their own by it (ADR 40).
// The secret is long (32 bytes) for clients that speak 3.2, four bytes for the others, as the protocol has it. A
// cancel request comes on a connection of its own and so may reach another gateway than the session did: that one
// passes the key's digest on, and whoever has the key cancels.

import { createHash, randomBytes } from 'node:crypto';
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
  /** Calls when that session's client wants to cancel; true: it was for what waits here, not for the target. */
  hear(key: CancelKey, handler: () => boolean): void;
  remove(key: CancelKey): void;
  /**
   * `body`: a CancelRequest after its code; `address`: where it came from. Resolves when the target has taken note; a
   * wrong key is no error.
   */
  cancel(body: Buffer, address: string): Promise<void>;
  close(): void;
}

const PROCESS_ID_BYTES = 4;
const SHORT_BYTES = 4;
const LONG_BYTES = 32;
const CANCEL_TIMEOUT_MS = 5_000;
const LARGEST_PROCESS_ID = 0x7fff_ffff;
/** Requests that are passed on in a second, so that nobody can make every gateway busy from one, nor keep others out. */
const MOST_PASSED_ON = 200;
const MOST_PASSED_ON_OF_ADDRESS = 20;

interface Kept {
  ticket: SessionTicket;
  upstream: Upstream['cancelKey'];
  heard: () => boolean;
}

export function createCancelKeys(others?: OtherGateways): CancelKeys {
  /** By the key's digest: to look one up tells nothing about the others, however long it takes. */
  const keys = new Map<string, Kept>();
  let passedOn = { since: monotonicMs(), count: 0, byAddress: new Map<string, number>() };
  const stopHearing = others?.onCancel((digest) => {
    const kept = keys.get(digest);
    if (kept !== undefined) void cancelOne(kept);
  });

  async function cancelOne({ ticket, upstream, heard }: Kept): Promise<void> {
    if (heard()) return;
    if (upstream !== null) await cancelUpstream(ticket, upstream, CANCEL_TIMEOUT_MS).catch(() => undefined);
  }

  function passOn(body: Buffer, address: string): void {
    if (monotonicMs() - passedOn.since > 1_000)
      passedOn = { since: monotonicMs(), count: 0, byAddress: new Map() };
    const ofAddress = passedOn.byAddress.get(address) ?? 0;
    if (passedOn.count >= MOST_PASSED_ON || ofAddress >= MOST_PASSED_ON_OF_ADDRESS) return;
    passedOn.count++;
    passedOn.byAddress.set(address, ofAddress + 1);
    others?.cancel(digestOf(body));
  }

  return {
    add(ticket, upstream, long) {
      // Two targets may have the same process id.
      for (;;) {
        const processId = upstream?.processId ?? randomBytes(4).readUInt32BE(0) & LARGEST_PROCESS_ID;
        const key = { processId, secret: randomBytes(long ? LONG_BYTES : SHORT_BYTES) };
        const digest = digestOf(bodyOf(key));
        if (keys.has(digest)) continue;
        keys.set(digest, { ticket, upstream, heard: () => false });
        return key;
      }
    },
    hear(key, handler) {
      const kept = keys.get(digestOf(bodyOf(key)));
      if (kept !== undefined) kept.heard = handler;
    },
    remove: (key) => void keys.delete(digestOf(bodyOf(key))),
    async cancel(body, address) {
      const secretBytes = body.length - PROCESS_ID_BYTES;
      if (secretBytes !== SHORT_BYTES && secretBytes !== LONG_BYTES) return;
      const found = keys.get(digestOf(body));
      if (found === undefined) passOn(body, address);
      else await cancelOne(found);
    },
    close: () => stopHearing?.(),
  };
}

function bodyOf({ processId, secret }: CancelKey): Buffer {
  const head = Buffer.alloc(PROCESS_ID_BYTES);
  head.writeUInt32BE(processId);
  return Buffer.concat([head, secret]);
}

function digestOf(body: Buffer): string {
  return createHash('sha256').update(body).digest('base64url');
}
