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
