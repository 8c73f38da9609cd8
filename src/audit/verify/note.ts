// Checkpoints as signed notes (C2SP signed-note and tlog-checkpoint, Ed25519): a public format, so that other
// people's tools can check our log. A note is a text, an empty line, and signature lines.

import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';
import { invalid } from '../../base/errors.ts';
import { HASH_BYTES } from './tree.ts';

const ED25519 = 1;
const KEY_ID_BYTES = 4;
const RAW_KEY_BYTES = 32;
// The fixed start of an Ed25519 public key in DER (RFC 8410); the raw key follows.
const SPKI_START = Buffer.from('302a300506032b6570032100', 'hex');

/** Characters of one note, ours and what witnesses may add. */
export const LONGEST_NOTE = 16_384;

/** What checks a note: the public half of the log's key, under the log's name. */
export interface NoteVerifier {
  name: string;
  keyId: Buffer;
  publicKey: KeyObject;
}

export interface NoteSigner extends NoteVerifier {
  privateKey: KeyObject;
}

/** The state of the log that a note states. */
export interface CheckpointBody {
  origin: string;
  size: number;
  root: Buffer;
}

/** Both halves of a log's key. Errors: `invalid-input` when `name` cannot be a key name. */
export function noteSigner(name: string, privateKey: KeyObject): NoteSigner {
  const publicKey = createPublicKey(privateKey);
  return { ...noteVerifier(name, rawKeyOf(publicKey)), privateKey };
}

/** The key's public form: `<name>+<key id>+<base64 of type and key>`. */
export function verifierKeyText(verifier: NoteVerifier): string {
  const body = Buffer.concat([Buffer.of(ED25519), rawKeyOf(verifier.publicKey)]);
  return `${verifier.name}+${verifier.keyId.toString('hex')}+${body.toString('base64')}`;
}

/** The verifier behind its public form. Errors: `invalid-input`, naming what is wrong. */
export function parseVerifierKey(text: string): NoteVerifier {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim());
  const body = match === null ? null : fromBase64(match[3] ?? '');
  if (match === null || body === null || body.length !== 1 + RAW_KEY_BYTES || body[0] !== ED25519) {
    throw invalid('key', 'This is not a log key.', 'It looks like sallyport/<id>+<8 hex digits>+<base64>.');
  }
  const verifier = noteVerifier(match[1] ?? '', body.subarray(1));
  if (verifier.keyId.toString('hex') !== match[2])
    throw invalid('key', 'The key id does not fit this log key.');
  return verifier;
}

/** The signed note over `text`, which must end with a newline. */
export function signNote(text: string, signer: NoteSigner): string {
  if (!text.endsWith('\n')) throw new TypeError('The text of a note ends with a newline.');
  const signature = sign(null, Buffer.from(text), signer.privateKey);
  return `${text}\n— ${signer.name} ${Buffer.concat([signer.keyId, signature]).toString('base64')}\n`;
}

/** The text of a note that carries a valid signature of `verifier`; null otherwise. Other signatures are ignored. */
export function openNote(note: string, verifier: NoteVerifier): string | null {
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || note.length > LONGEST_NOTE || !note.endsWith('\n')) return null;
  const text = note.slice(0, end + 1);
  for (const line of note.slice(end + 2, -1).split('\n')) {
    const match = /^— (\S+) (\S+)$/.exec(line);
    if (match === null) return null;
    const body = fromBase64(match[2] ?? '');
    if (body === null || body.length <= KEY_ID_BYTES) return null;
    if (match[1] !== verifier.name || !body.subarray(0, KEY_ID_BYTES).equals(verifier.keyId)) continue;
    return verify(null, Buffer.from(text), verifier.publicKey, body.subarray(KEY_ID_BYTES)) ? text : null;
  }
  return null;
}

/** The text of a checkpoint: origin, size in decimal, root in base64, one line each. */
export function checkpointText(body: CheckpointBody): string {
  return `${body.origin}\n${body.size}\n${body.root.toString('base64')}\n`;
}

/** What a checkpoint's text, or a whole note, says, unchecked; null when it is no checkpoint. */
export function parseCheckpoint(text: string): CheckpointBody | null {
  if (text.length > LONGEST_NOTE) return null;
  const [origin, sizeText, rootText] = text.split('\n', 4);
  if (origin === undefined || origin === '' || sizeText === undefined || rootText === undefined) return null;
  const size = Number(sizeText);
  const root = fromBase64(rootText);
  if (!/^(0|[1-9]\d{0,15})$/.test(sizeText) || !Number.isSafeInteger(size)) return null;
  return root === null || root.length !== HASH_BYTES ? null : { origin, size, root };
}

/** The notes of a text that holds one after another, each followed by an empty line (a kept checkpoint file). */
export function splitNotes(text: string): string[] {
  return text.match(NOTE) ?? [];
}

/** One whole note in such a text: lines, an empty line, signature lines. */
export const NOTE = /(?:[^\n]+\n)+\n(?:— [^\n]+\n)+/g;

function noteVerifier(name: string, rawKey: Uint8Array): NoteVerifier {
  if (name === '' || /[\s+]/.test(name)) throw invalid('key', `"${name}" cannot name a log.`);
  const keyId = hash(
    'sha256',
    Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), rawKey]),
    'buffer',
  );
  const publicKey = createPublicKey({
    key: Buffer.concat([SPKI_START, rawKey]),
    format: 'der',
    type: 'spki',
  });
  return { name, keyId: keyId.subarray(0, KEY_ID_BYTES), publicKey };
}

function rawKeyOf(publicKey: KeyObject): Buffer {
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_START.length);
}

// Node's decoder skips what is not base64; a signed format must not.
function fromBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}
