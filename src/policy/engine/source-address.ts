// One address in the one form that policies compare. An IPv4 client of a dual-stack socket arrives as
// ::ffff:10.0.0.1; left so, it would be in no IPv4 range, and a forbid on a range would not see it.

import { isIP, isIPv4 } from 'node:net';
import { Failure } from '../../base/errors.ts';

const LONGEST_ADDRESS = 64;

/** Canonical text of one address, without a zone. Errors: `invalid-address` (a range is not an address). */
export function canonicalAddress(text: string): string {
  if (isIPv4(text)) return text;
  const bare = text.length > LONGEST_ADDRESS ? '' : text.replace(/%[A-Za-z0-9._-]+$/, '');
  if (isIP(bare) !== 6) {
    throw new Failure(
      'invalid',
      'invalid-address',
      `"${text.slice(0, LONGEST_ADDRESS)}" is not an address.`,
      {
        field: 'sourceAddress',
        hint: 'Give one IPv4 or IPv6 address, such as 10.1.2.3 or fd00::1.',
      },
    );
  }
  const canonical = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped === null) return canonical;
  const high = Number.parseInt(mapped[1] ?? '', 16);
  const low = Number.parseInt(mapped[2] ?? '', 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** A canonical address as its bits, `4:00001010…` or `6:…`: a range is what begins alike. */
export function addressBits(canonical: string): string {
  if (isIPv4(canonical)) return `4:${bitsOf(canonical.split('.').map(Number), 8)}`;
  const [head = '', tail] = canonical.split('::');
  const words = (text: string) =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const [before, after] = [words(head), words(tail ?? '')];
  const between = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return `6:${bitsOf([...before, ...between, ...after], 16)}`;
}

/** What the bits of an address within `range` (an address, or one with `/8`) begin with; null where it is neither. */
export function rangeBits(range: string): string | null {
  const [, text = '', length] = /^([0-9a-fA-F.:]{1,45})(?:\/(\d{1,3}))?$/.exec(range) ?? [];
  const most = { 0: null, 4: 32, 6: 128 }[isIP(text)] ?? null;
  if (most === null || Number(length ?? 0) > most) return null;
  // As it is written: an IPv4 address inside of IPv6 is no IPv4 range.
  const canonical = most === 32 ? text : new URL(`http://[${text}]`).hostname.slice(1, -1);
  return addressBits(canonical).slice(0, '4:'.length + Number(length ?? most));
}

function bitsOf(parts: readonly number[], width: number): string {
  return parts.map((part) => part.toString(2).padStart(width, '0')).join('');
}
