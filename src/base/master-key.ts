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
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Failure } from './errors.ts';
import { Secret } from './secret.ts';

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SEAL_VERSION = 1;
/** Two while a key is changed; one more where a process died between that and the next change. */
const MOST_KEYS = 4;

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
 * The master keys that a process holds: one seals and derives, and while it is being rotated the other still opens what
 * it sealed and derives what live grants were given. At most two.
 */
export interface Keyring extends MasterKey {
  /** Checks of all of them, the one that seals first. */
  checks(): string[];
  /** The key with that check; null for the oldest. Errors: Failure `unsealing-failed` when it is not held. */
  of(check: string | null): MasterKey;
  /** Holds another one from now on, in its file too; it does not seal yet. `text` is base64. */
  hold(text: Secret): void;
  /** That one seals from now on. Errors: as `of`. */
  sealWith(check: string): void;
  /** Forgets all but the one that seals, in its file too. */
  forgetOthers(): void;
}

/**
 * Reads the keys from `path`, one a line, the one that seals first; where `make`, it is made there (0600, synced) the first time.
 * Errors: Failure `master-key-missing`, `master-key-invalid`.
 */
export function loadMasterKey(path: string, make: boolean): Keyring {
  if (!existsSync(path)) {
    if (!make) {
      throw new Failure('unavailable', 'master-key-missing', `There is no master key at ${path}.`, {
        hint: 'This store has one already: copy keys/master.key from the data folder of a replica that runs or from the backup, or name the file with SALLY_MASTER_KEY_FILE.',
      });
    }
    createKeyFile(path);
  }
  return new FileKeyring(path, readKeys(path));
}

/** A ring of one key that comes from elsewhere, in no file. */
export function ringOf(key: MasterKey): Keyring {
  const only = (check: string | null) => {
    if (check === null || check === key.check) return key;
    throw notHeld(check);
  };
  return {
    ...key,
    checks: () => [key.check],
    of: only,
    hold: () => undefined,
    sealWith: (check) => void only(check),
    forgetOthers: () => undefined,
  };
}

interface Held {
  text: string;
  key: MasterKey;
}

class FileKeyring implements Keyring {
  readonly #path: string;
  #held: Held[];

  constructor(path: string, held: Held[]) {
    this.#path = path;
    this.#held = held;
  }

  get #sealing(): MasterKey {
    return this.of(this.#held[0]?.key.check ?? '');
  }

  get check(): string {
    return this.#sealing.check;
  }

  checks(): string[] {
    return this.#held.map((one) => one.key.check);
  }

  derive(purpose: string, id: string, bytes: number): Buffer {
    return this.#sealing.derive(purpose, id, bytes);
  }

  seal(secret: Secret, context: string): Buffer {
    return this.#sealing.seal(secret, context);
  }

  open(sealed: Buffer, context: string): Secret {
    const [last] = this.#held.slice(-1);
    for (const one of this.#held) {
      try {
        return one.key.open(sealed, context);
      } catch (error) {
        if (one === last) throw error;
      }
    }
    throw notHeld('');
  }

  of(check: string | null): MasterKey {
    const found = check === null ? this.#held.at(-1) : this.#held.find((one) => one.key.check === check);
    if (found === undefined) throw notHeld(check ?? '');
    return found.key;
  }

  hold(text: Secret): void {
    const one = heldFrom(text.reveal(), this.#path);
    if (this.checks().includes(one.key.check)) return;
    this.#write([...this.#held, one]);
  }

  sealWith(check: string): void {
    const first = this.#held.filter((one) => one.key.check === check);
    if (first.length === 0) throw notHeld(check);
    if (this.#held[0] !== first[0])
      this.#write([...first, ...this.#held.filter((one) => one.key.check !== check)]);
  }

  forgetOthers(): void {
    if (this.#held.length > 1) this.#write(this.#held.slice(0, 1));
  }

  /** Into the file first: what is held only in memory is lost with the process. */
  #write(held: Held[]): void {
    const next = `${this.#path}.new`;
    rmSync(next, { force: true });
    writeKeyFile(
      next,
      held.map((one) => one.text),
    );
    renameSync(next, this.#path);
    this.#held = held;
  }
}

function readKeys(path: string): Held[] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length === 0) throw unusable(path);
  if (lines.length > MOST_KEYS) {
    throw new Failure(
      'invalid',
      'master-key-invalid',
      `${path} has ${lines.length} lines; it may hold ${MOST_KEYS} keys at most.`,
      { hint: 'The first line is the key that seals. Keep it and restore the rest from a backup.' },
    );
  }
  return lines.map((line) => heldFrom(line, path));
}

function heldFrom(text: string, path: string): Held {
  const key = Buffer.from(text, 'base64');
  if (key.length !== KEY_BYTES) throw unusable(path);
  return { text, key: masterKeyFrom(key) };
}

function unusable(path: string): Failure {
  return new Failure(
    'invalid',
    'master-key-invalid',
    `${path} does not hold a master key of ${KEY_BYTES} bytes.`,
    { hint: 'Restore the file from a backup; without it, sealed credentials cannot be opened.' },
  );
}

function notHeld(check: string): Failure {
  return new Failure('unavailable', 'unsealing-failed', `The master key ${check} is not held here.`, {
    hint: 'Copy keys/master.key from a replica that has it.',
  });
}

/** A new key, as it stands in a file. */
export function newMasterKey(): { text: Secret; key: MasterKey } {
  const bytes = randomBytes(KEY_BYTES);
  return { text: new Secret(bytes.toString('base64')), key: masterKeyFrom(bytes) };
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
  writeKeyFile(path, [randomBytes(KEY_BYTES).toString('base64')]);
}

function writeKeyFile(path: string, lines: string[]): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, `${lines.join('\n')}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  chmodSync(path, 0o600);
}
