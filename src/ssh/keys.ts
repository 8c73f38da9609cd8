// SSH keys: ours are ed25519, made here or derived from a secret; those of others are read from their one-line form and
// nothing that is not a plain public key passes. Private keys are written in OpenSSH's own form, which `ssh -i` reads.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { Failure } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import { SshReader, sshString, uint32 } from './wire.ts';

export const ED25519 = 'ssh-ed25519';
const SEED_BYTES = 32;
/** The DER that stands before an ed25519 seed in PKCS #8, RFC 8410. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const LONGEST_LINE = 2_000;

/** What a key's parts are after its type: how many strings, and how long the key itself is. */
const PUBLIC_KEYS: Readonly<
  Record<string, { parts: number; keyBytes: number; keyAt: number; curve?: string }>
> = {
  [ED25519]: { parts: 1, keyAt: 0, keyBytes: 32 },
  'ecdsa-sha2-nistp256': { parts: 2, keyAt: 1, keyBytes: 65, curve: 'nistp256' },
  'sk-ssh-ed25519@openssh.com': { parts: 2, keyAt: 0, keyBytes: 32 },
  'sk-ecdsa-sha2-nistp256@openssh.com': { parts: 3, keyAt: 1, keyBytes: 65, curve: 'nistp256' },
};

/** A key's type and its whole blob, as it stands in base64 in `authorized_keys` and `known_hosts`. */
export interface SshPublicKey {
  type: string;
  blob: Buffer;
}

export interface SshKeyPair {
  publicKey: SshPublicKey;
  seed: Secret;
}

export function newKeyPair(): SshKeyPair {
  return keyPairFrom(randomBytes(SEED_BYTES));
}

/** The same pair each time: for a login whose key is made of a secret that is kept anyway. */
export function keyPairOfSecret(secret: Secret): SshKeyPair {
  return keyPairFrom(
    Buffer.from(hkdfSync('sha256', secret.reveal(), '', 'sallyport ssh administrator', SEED_BYTES)),
  );
}

export function keyPairFrom(seed: Buffer): SshKeyPair {
  const jwk = createPublicKey(privateKeyOf(seed)).export({ format: 'jwk' });
  const point = Buffer.from(jwk.x ?? '', 'base64url');
  return {
    publicKey: { type: ED25519, blob: Buffer.concat([sshString(ED25519), sshString(point)]) },
    seed: new Secret(seed.toString('base64')),
  };
}

function privateKeyOf(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
}

/** The signature alone, 64 bytes. */
export function signWith(pair: SshKeyPair, data: Buffer): Buffer {
  return sign(null, data, privateKeyOf(Buffer.from(pair.seed.reveal(), 'base64')));
}

/** OpenSSH's PROTOCOL.key, without a passphrase. */
export function opensshPrivateKey(pair: SshKeyPair, comment: string): Secret {
  const seed = Buffer.from(pair.seed.reveal(), 'base64');
  const point = new SshReader(pair.publicKey.blob.subarray(4 + ED25519.length)).string();
  const check = randomBytes(4);
  const secret = Buffer.concat([
    check,
    check,
    sshString(ED25519),
    sshString(point),
    sshString(Buffer.concat([seed, point])),
    sshString(comment),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1));
  const bytes = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    sshString('none'),
    sshString('none'),
    sshString(''),
    uint32(1),
    sshString(pair.publicKey.blob),
    sshString(Buffer.concat([secret, padding])),
  ]);
  const lines = bytes.toString('base64').match(/.{1,70}/g) ?? [];
  const name = 'OPENSSH PRIVATE KEY';
  return new Secret([`-----BEGIN ${name}-----`, ...lines, `-----END ${name}-----`, ''].join('\n'));
}

/** `ssh-ed25519 AAAA… comment`. */
export function publicLine(key: SshPublicKey, comment = ''): string {
  return `${key.type} ${key.blob.toString('base64')}${comment === '' ? '' : ` ${comment}`}`;
}

/** As OpenSSH shows it: `SHA256:…`. */
export function fingerprint(key: SshPublicKey): string {
  return `SHA256:${createHash('sha256').update(key.blob).digest('base64').replace(/=+$/, '')}`;
}

/** A client's key from its one line. Errors: `invalid-input` naming `field`. */
export function parsePublicLine(line: string, field: string): SshPublicKey {
  const [type = '', base64 = ''] = line.trim().split(/[ \t]+/);
  const blob = Buffer.from(base64, 'base64');
  const form = PUBLIC_KEYS[type];
  if (line.length <= LONGEST_LINE && form !== undefined && isKey(blob, type, form)) return { type, blob };
  throw new Failure('invalid', 'invalid-input', 'This is not a public key that is taken here.', {
    field,
    hint: `One line as in a .pub file, of one of ${Object.keys(PUBLIC_KEYS).join(', ')}.`,
  });
}

function isKey(blob: Buffer, type: string, form: (typeof PUBLIC_KEYS)[string]): boolean {
  try {
    const reader = new SshReader(blob);
    if (reader.string().toString('latin1') !== type) return false;
    const parts = Array.from({ length: form.parts }, () => reader.string());
    const curve = form.curve === undefined || parts[0]?.toString('latin1') === form.curve;
    return reader.done && curve && parts[form.keyAt]?.length === form.keyBytes;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
