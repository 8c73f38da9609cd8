// The log's own signing key: one Ed25519 key per installation, in a file outside the database, made at first
// start. Whoever holds it together with the database can rewrite history for readers who kept nothing.

import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, Failure } from '../base/errors.ts';
import { type NoteSigner, noteSigner } from './verify/note.ts';

const PRIVATE_FOLDER_MODE = 0o700;
const PRIVATE_FILE_MODE = 0o600;
const OTHERS = 0o077;

/** The log's name, the first line of every checkpoint. `installationId` is the store's `installation.id`. */
export function logOrigin(installationId: string): string {
  return `sallyport/${installationId}`;
}

/** Where the key is. Every replica of one installation needs the same file. */
export function logKeyFile(dataFolder: string): string {
  return join(dataFolder, 'keys', 'audit-log.key');
}

/**
 * The signer of the log, made where there is none yet.
 * Errors: `unavailable` when others may read the file, or when it holds no Ed25519 key.
 */
export async function openLogKey(dataFolder: string, installationId: string): Promise<NoteSigner> {
  const file = logKeyFile(dataFolder);
  const key = (await readKey(file)) ?? (await makeKey(file));
  return noteSigner(logOrigin(installationId), key);
}

async function readKey(file: string): Promise<KeyObject | null> {
  let pem: string;
  try {
    const { mode } = await stat(file);
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0) {
      throw refused(`Others can read ${file}.`, `Run: chmod 600 ${file}`);
    }
    pem = await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw refused(`${file} holds no key.`, 'Restore it from a backup.', cause);
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw refused(`${file} holds no Ed25519 key.`, 'Restore it from a backup.');
  return key;
}

async function makeKey(file: string): Promise<KeyObject> {
  await mkdir(dirname(file), { recursive: true, mode: PRIVATE_FOLDER_MODE });
  const { privateKey } = generateKeyPairSync('ed25519');
  // `wx`: of two that start at the same time, one makes the key and the other fails instead of replacing it.
  const handle = await open(file, 'wx', PRIVATE_FILE_MODE);
  try {
    await handle.writeFile(privateKey.export({ format: 'pem', type: 'pkcs8' }));
    await handle.sync();
  } finally {
    await handle.close();
  }
  return privateKey;
}

function refused(message: string, hint: string, cause?: unknown): Failure {
  return new Failure('unavailable', 'audit-key-unusable', message, { hint, cause });
}
