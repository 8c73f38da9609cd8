// A holder's share of a kit's key as a text that people can type from paper: Crockford's base 32 in groups of four. It
// says whose, of which kit and which generation it is, and carries a checksum: so that a wrong share is named for what
// it is, before anything is tried. Splitting is Shamir's, by a library that does nothing else and was audited.

import { createHash } from 'node:crypto';
import { combine, split } from 'shamir-secret-sharing';
import { Failure } from '../../base/errors.ts';

export const FEWEST_QUORUM = 2;
export const MOST_HOLDERS = 20;
export const LONGEST_SHARE = 200;

const PREFIX = 'sk';
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const VERSION = 1;
const NAME_BYTES = 4;
/** A share is as long as the key, and one byte for its place on the curve. */
const POINT_BYTES = 33;
const CHECK_BYTES = 4;
const SHARE_BYTES = 1 + NAME_BYTES + NAME_BYTES + 2 + 1 + POINT_BYTES + CHECK_BYTES;
const GROUP = 4;

/** Of which kit a share is. */
export interface KitName {
  installation: string;
  kit: string;
  /** 1 to 65,535. */
  generation: number;
}

export interface Share {
  installation: string;
  kit: string;
  generation: number;
  /** From 1, in the order of the holders. */
  place: number;
  point: Uint8Array;
}

/** One text for each holder, in their order. `key` is 32 bytes; `quorum` of them give it back. */
export async function splitKey(
  key: Buffer,
  name: KitName,
  holders: number,
  quorum: number,
): Promise<string[]> {
  // The library takes plain byte arrays, no Buffers.
  const points = await split(Uint8Array.from(key), holders, quorum);
  return points.map((point, at) => writeShare(name, at + 1, point));
}

/** The key. Which shares go together the caller has found out (`fitShares`); too few of them give another key. */
export async function joinKey(shares: readonly Share[]): Promise<Buffer> {
  return Buffer.from(await combine(shares.map((share) => share.point)));
}

function writeShare(name: KitName, place: number, point: Uint8Array): string {
  const head = Buffer.alloc(SHARE_BYTES - CHECK_BYTES);
  head.writeUInt8(VERSION, 0);
  nameOf(name.installation).copy(head, 1);
  nameOf(name.kit).copy(head, 1 + NAME_BYTES);
  head.writeUInt16BE(name.generation, 1 + 2 * NAME_BYTES);
  head.writeUInt8(place, 3 + 2 * NAME_BYTES);
  head.set(point, 4 + 2 * NAME_BYTES);
  const text = toBase32(Buffer.concat([head, checkOf(head)]));
  return `${PREFIX}-${(text.match(new RegExp(`.{1,${GROUP}}`, 'g')) ?? []).join('-')}`;
}

/** Errors: `share-broken`, which says nothing of the text: it is a secret. */
export function readShare(text: string): Share {
  const plain = text.trim().toLowerCase().replaceAll(/[\s-]/g, '');
  if (!plain.startsWith(PREFIX) || text.length > LONGEST_SHARE) throw broken('A share begins with sk-.');
  const bytes = fromBase32(plain.slice(PREFIX.length));
  if (bytes === null || bytes.length !== SHARE_BYTES)
    throw broken('It is too short or too long, or has a character that no share has.');
  const head = bytes.subarray(0, SHARE_BYTES - CHECK_BYTES);
  if (!checkOf(head).equals(bytes.subarray(SHARE_BYTES - CHECK_BYTES)))
    throw broken('Its checksum does not fit: a character is wrong.');
  if (head.readUInt8(0) !== VERSION) throw broken('It was made by a newer Sallyport.');
  return {
    installation: head.subarray(1, 1 + NAME_BYTES).toString('hex'),
    kit: head.subarray(1 + NAME_BYTES, 1 + 2 * NAME_BYTES).toString('hex'),
    generation: head.readUInt16BE(1 + 2 * NAME_BYTES),
    place: head.readUInt8(3 + 2 * NAME_BYTES),
    point: Uint8Array.from(head.subarray(4 + 2 * NAME_BYTES)),
  };
}

/** Why `share` is not one for this kit, or that one of its place is there already. Errors: see the codes. */
export function requireFitting(share: Share, name: KitName, others: readonly Share[]): void {
  if (share.installation !== nameOf(name.installation).toString('hex'))
    throw new Failure(
      'invalid',
      'share-of-another-installation',
      'This share belongs to a kit of another installation.',
    );
  if (share.kit !== nameOf(name.kit).toString('hex'))
    throw new Failure('invalid', 'share-of-another-kit', 'This share belongs to another kit than this file.');
  if (share.generation < name.generation)
    throw new Failure(
      'invalid',
      'share-stale',
      `This share is of generation ${share.generation}, the kit file of ${name.generation}: the kit was rotated.`,
      {
        hint: 'Its holder has to use the newer share: `sally break-glass kit share`, while the server was there.',
      },
    );
  if (share.generation > name.generation)
    throw new Failure(
      'invalid',
      'kit-file-stale',
      `The kit file is of generation ${name.generation}, this share of ${share.generation}: the file is stale.`,
      {
        hint: 'Take the newer kit file; one of the holders has it.',
      },
    );
  if (others.some((other) => other.place === share.place))
    throw new Failure(
      'invalid',
      'share-twice',
      `The share of holder ${share.place} was given already; another holder's is needed.`,
    );
}

function broken(why: string): Failure {
  return new Failure('invalid', 'share-broken', `This is no share as it was written down. ${why}`, {
    field: 'share',
  });
}

function nameOf(text: string): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, NAME_BYTES);
}

function checkOf(head: Buffer): Buffer {
  return createHash('sha256').update(head).digest().subarray(0, CHECK_BYTES);
}

function toBase32(bytes: Buffer): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += ALPHABET.charAt((value >>> (bits - 5)) & 31);
    value &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + ALPHABET.charAt((value << (5 - bits)) & 31);
}

/** As people write it: O for 0, I and L for 1. */
function fromBase32(text: string): Buffer | null {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const character of text.replaceAll('o', '0').replaceAll(/[il]/g, '1')) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) return null;
    value = (value << 5) | digit;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push(value >>> bits);
    value &= (1 << bits) - 1;
  }
  return value === 0 ? Buffer.from(bytes) : null;
}
