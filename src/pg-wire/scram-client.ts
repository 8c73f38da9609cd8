// The client's side of SCRAM-SHA-256: the gateway's towards a target, the command line's towards a gateway. The
// server's own proof is checked: one that does not know the verifier is not the one that is meant.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { clientProof, scramKeys, serverSignature } from '../base/scram.ts';
import { FROM_CLIENT, int32, message, zeroEnded } from './frames.ts';
import { ProtocolError } from './protocol-error.ts';

export const MECHANISM = 'SCRAM-SHA-256';
const NONCE_BYTES = 18;
const MOST_ITERATIONS = 1_000_000;

export interface ScramClient {
  first(): Buffer;
  /** `text` is the server's first message. Errors: ProtocolError `target`. */
  final(text: string): Promise<Buffer>;
  /** `text` is the server's last message. Errors: ProtocolError `target` when the server cannot prove itself. */
  verify(text: string): void;
  verified(): boolean;
}

/** `password` is ASCII (derived by us), so SASLprep changes nothing. */
export function createScramClient(password: string): ScramClient {
  const nonce = randomBytes(NONCE_BYTES).toString('base64');
  const bare = `n=,r=${nonce}`;
  let expected: Buffer | null = null;
  let proven = false;
  return {
    first() {
      const body = Buffer.from(`n,,${bare}`);
      return message(FROM_CLIENT.password, zeroEnded(MECHANISM), int32(body.length), body);
    },
    async final(text) {
      const match = /^r=([^,]+),s=([A-Za-z0-9+/=]+),i=(\d{1,8})(,.*)?$/.exec(text);
      const [combined, salt, iterations] = [match?.[1] ?? '', match?.[2] ?? '', Number(match?.[3] ?? 0)];
      if (
        !combined.startsWith(nonce) ||
        combined === nonce ||
        iterations < 1 ||
        iterations > MOST_ITERATIONS
      ) {
        throw new ProtocolError('target', 'The target sent a SCRAM message that is not acceptable.');
      }
      const keys = await scramKeys(password, Buffer.from(salt, 'base64'), iterations);
      const withoutProof = `c=biws,r=${combined}`;
      const authMessage = `${bare},${text},${withoutProof}`;
      expected = serverSignature(keys, authMessage);
      const proof = clientProof(keys, authMessage).toString('base64');
      return message(FROM_CLIENT.password, Buffer.from(`${withoutProof},p=${proof}`));
    },
    verify(text) {
      const given = Buffer.from(/^v=([A-Za-z0-9+/=]+)/.exec(text)?.[1] ?? '', 'base64');
      if (expected === null || given.length !== expected.length || !timingSafeEqual(given, expected)) {
        throw new ProtocolError('target', 'The target could not prove that it knows this login.');
      }
      proven = true;
    },
    verified: () => proven,
  };
}
