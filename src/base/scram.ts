// SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it, for three places: the verifier that a login on
// a target gets (so its password never reaches that server's log), the gateway as server, the gateway as client.

import {
  createHash,
  createHmac,
  pbkdf2 as pbkdf2Callback,
  pbkdf2Sync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { promisify } from 'node:util';

const pbkdf2 = promisify(pbkdf2Callback);
const KEY_BYTES = 32;
/** So few are done before another thread would have begun. */
const FEW_ITERATIONS = 256;

/** PostgreSQL's own default (`scram_iterations`). Our secrets are random, so more would only cost time. */
export const SCRAM_ITERATIONS = 4096;

/** What a server keeps instead of a password: enough to check a proof, useless for logging in. */
export interface ScramVerifier {
  salt: Buffer;
  iterations: number;
  storedKey: Buffer;
  serverKey: Buffer;
}

/** The keys behind a verifier; `clientKey` is as good as the password. */
export interface ScramKeys extends ScramVerifier {
  clientKey: Buffer;
}

/** `password` is ASCII here (generated), so SASLprep changes nothing. `salt` is 16 random bytes unless given. */
export async function scramKeys(
  password: string,
  salt: Buffer = randomBytes(16),
  iterations: number = SCRAM_ITERATIONS,
): Promise<ScramKeys> {
  const salted =
    iterations <= FEW_ITERATIONS
      ? pbkdf2Sync(password, salt, iterations, KEY_BYTES, 'sha256')
      : await pbkdf2(password, salt, iterations, KEY_BYTES, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  return {
    salt,
    iterations,
    clientKey,
    storedKey: createHash('sha256').update(clientKey).digest(),
    serverKey: hmac(salted, 'Server Key'),
  };
}

/** PostgreSQL's form in `pg_authid.rolpassword`: `SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>`. */
export function verifierText(verifier: ScramVerifier): string {
  const { salt, iterations, storedKey, serverKey } = verifier;
  const b64 = (bytes: Buffer) => bytes.toString('base64');
  return `SCRAM-SHA-256$${iterations}:${b64(salt)}$${b64(storedKey)}:${b64(serverKey)}`;
}

/** Server side: does this proof come from someone who knows the password? Constant time. */
export function proofMatches(
  verifier: Pick<ScramVerifier, 'storedKey'>,
  authMessage: string,
  proof: Buffer,
): boolean {
  if (proof.length !== KEY_BYTES) return false;
  const clientKey = xor(proof, hmac(verifier.storedKey, authMessage));
  return timingSafeEqual(createHash('sha256').update(clientKey).digest(), verifier.storedKey);
}

/** Client side: the proof for `authMessage`. */
export function clientProof(keys: Pick<ScramKeys, 'clientKey' | 'storedKey'>, authMessage: string): Buffer {
  return xor(keys.clientKey, hmac(keys.storedKey, authMessage));
}

/** The server's signature: sent by the server, checked by the client. */
export function serverSignature(verifier: Pick<ScramVerifier, 'serverKey'>, authMessage: string): Buffer {
  return hmac(verifier.serverKey, authMessage);
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function xor(a: Buffer, b: Buffer): Buffer {
  const out = Buffer.alloc(a.length);
  for (let i = 0; i < a.length; i++) out[i] = (a[i] ?? 0) ^ (b[i] ?? 0);
  return out;
}
