// The installation's one root secret: it seals what must be kept (a target's administrator password) and derives
// what need not be (each grant's password on the target), so that a copy of the store alone opens nothing.

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
  randomBytes,
} from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Failure } from './errors.ts';
import { Secret } from './secret.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SEAL_VERSION = 1;

export interface MasterKey {
  /** 16 hex characters that tell one key from another and nothing else. */
  check: string;
  /** `bytes` bytes that only this key, `purpose` and `id` give (HKDF-SHA-256, RFC 5869). */
  derive(purpose: string, id: string, bytes: number): Buffer;
  /** AES-256-GCM: version, nonce, tag, ciphertext; bound to `context`, so that it opens nowhere else. */
  seal(secret: Secret, context: string): Buffer;
  /** Errors: Failure `unsealing-failed` when key, context or bytes are not those of the sealing. */
  open(sealed: Buffer, context: string): Secret;
}

/**
 * Reads the key from `path`; where `make`, it is made there (0600, synced) the first time.
 * Errors: Failure `master-key-missing`, `master-key-invalid`.
 */
export function loadMasterKey(path: string, make: boolean): MasterKey {
  if (!existsSync(path)) {
    if (!make) {
      throw new Failure('unavailable', 'master-key-missing', `There is no master key at ${path}.`, {
        hint: 'This store has one already: copy keys/master.key from the data folder of a replica that runs or from the backup, or name the file with SALLY_MASTER_KEY_FILE.',
      });
    }
    createKeyFile(path);
  }
  const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64');
  if (key.length !== KEY_BYTES) {
    throw new Failure(
      'invalid',
      'master-key-invalid',
      `${path} does not hold a master key of ${KEY_BYTES} bytes.`,
      {
        hint: 'Restore the file from a backup; without it, sealed credentials cannot be opened.',
      },
    );
  }
  return masterKeyFrom(key);
}

/** For a key that comes from elsewhere. `key` is 32 bytes. */
export function masterKeyFrom(key: Buffer): MasterKey {
  const root = createSecretKey(key);
  const derive = (purpose: string, id: string, bytes: number) =>
    Buffer.from(hkdfSync('sha256', root, '', `sallyport ${purpose} ${id}`, bytes));
  const sealingKey = derive('sealing', 'v1', KEY_BYTES);
  return {
    check: createHash('sha256')
      .update(derive('check', 'v1', KEY_BYTES))
      .digest('hex')
      .slice(0, 16),
    derive,
    seal(secret, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', sealingKey, nonce).setAAD(Buffer.from(context));
      const text = Buffer.concat([cipher.update(secret.reveal(), 'utf8'), cipher.final()]);
      return Buffer.concat([Buffer.of(SEAL_VERSION), nonce, cipher.getAuthTag(), text]);
    },
    open(sealed, context) {
      try {
        if (sealed[0] !== SEAL_VERSION) throw new Error(`unknown sealing version ${sealed[0]}`);
        const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
        const tag = sealed.subarray(1 + NONCE_BYTES, 1 + NONCE_BYTES + TAG_BYTES);
        const decipher = createDecipheriv('aes-256-gcm', sealingKey, nonce)
          .setAAD(Buffer.from(context))
          .setAuthTag(tag);
        const text = decipher.update(sealed.subarray(1 + NONCE_BYTES + TAG_BYTES));
        return new Secret(Buffer.concat([text, decipher.final()]).toString('utf8'));
      } catch (cause) {
        throw new Failure(
          'unavailable',
          'unsealing-failed',
          'A sealed credential does not open with this master key.',
          {
            hint: 'Was the store restored without its key file? Restore the key, or enter the credential anew.',
            cause,
          },
        );
      }
    },
  };
}

function createKeyFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, `${randomBytes(KEY_BYTES).toString('base64')}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  chmodSync(path, 0o600);
}
