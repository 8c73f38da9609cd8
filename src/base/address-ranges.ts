// Networks as people write them (10.0.0.0/8, fd00::/8, one address) and whether an address lies in one. IPv4 in its
// IPv6 form is IPv4, so that a range holds whichever way the socket tells the same client.

import { isIP } from 'node:net';
import { Failure } from './errors.ts';

const LONGEST_ADDRESS = 64;
const BITS = { 4: 32, 6: 128 } as const;
/** `::ffff:0:0/96`, without its last 32 bits. */
const MAPPED_PREFIX = 0xffffn;

interface Address {
  family: 4 | 6;
  value: bigint;
}

export interface AddressRange extends Address {
  /** As it was written. */
  text: string;
  /** Leading bits that count. */
  bits: number;
}

/** One network. Errors: `invalid-address-range`, also where bits behind the prefix are set (10.1.2.3/8). */
export function parseAddressRange(text: string): AddressRange {
  const [address = '', prefix, ...rest] = text.length > LONGEST_ADDRESS ? [] : text.split('/');
  const parsed = address.includes('%') ? null : parseAddress(address);
  const most = parsed === null ? 0 : BITS[parsed.family];
  const bits = prefix === undefined ? most : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (parsed === null || rest.length > 0 || !(bits <= most) || (prefix !== undefined && isMapped(address))) {
    throw badRange(text, 'Write 10.0.0.0/8, fd00::/8 or one address.');
  }
  const { family, value } = parsed;
  if ((value >> BigInt(most - bits)) << BigInt(most - bits) !== value) {
    throw badRange(text, `It names an address inside a network: write the network's own, or /${most}.`);
  }
  return { text, family, value, bits };
}

/** False for what is no address, so that nothing is let in by being unreadable. */
export function isInRanges(ranges: readonly AddressRange[], address: string): boolean {
  const parsed = parseAddress(address);
  return parsed !== null && ranges.some((range) => holds(range, parsed));
}

/** Whether every address of `inner` is one of `outer`. */
export function isWithin(outer: readonly AddressRange[], inner: AddressRange): boolean {
  return outer.some((range) => range.bits <= inner.bits && holds(range, inner));
}

/** One address in one form: IPv6 compressed, IPv4 never in IPv6 form, without zone. Null for what is none. */
export function plainAddress(text: string): string | null {
  const parsed = parseAddress(text);
  if (parsed === null) return null;
  if (parsed.family === 6) return new URL(`http://[${withoutZone(text)}]`).hostname.slice(1, -1);
  return [24n, 16n, 8n, 0n].map((shift) => String((parsed.value >> shift) & 255n)).join('.');
}

/** What one client surely has for itself: an IPv4 address, or the /64 of an IPv6 one. The text itself for anything else. */
export function networkOf(address: string): string {
  const parsed = parseAddress(address);
  if (parsed === null) return address;
  return parsed.family === 4 ? String(parsed.value) : `${(parsed.value >> 64n).toString(16)}::/64`;
}

function holds(range: AddressRange, { family, value }: Address): boolean {
  const shift = BigInt(BITS[range.family] - range.bits);
  return family === range.family && value >> shift === range.value >> shift;
}

function parseAddress(text: string): Address | null {
  const bare = text.length > LONGEST_ADDRESS ? '' : withoutZone(text);
  const family = isIP(bare);
  if (family === 4) return { family: 4, value: numberOf(bare.split('.'), 8n, 10) };
  if (family !== 6) return null;
  // The URL parser writes every form of IPv6 as groups of hex, without dots.
  const canonical = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const before = groupsOf(head);
  const after = groupsOf(tail ?? '');
  const zeros: string[] = tail === undefined ? [] : Array(8 - before.length - after.length).fill('0');
  const value = numberOf([...before, ...zeros, ...after], 16n, 16);
  return value >> 32n === MAPPED_PREFIX ? { family: 4, value: value & 0xffffffffn } : { family: 6, value };
}

function isMapped(text: string): boolean {
  return text.includes(':') && parseAddress(text)?.family === 4;
}

function withoutZone(text: string): string {
  return text.replace(/%[A-Za-z0-9._-]+$/, '');
}

const groupsOf = (text: string) => (text === '' ? [] : text.split(':'));

function numberOf(parts: string[], bits: bigint, radix: number): bigint {
  return parts.reduce((whole, part) => (whole << bits) | BigInt(Number.parseInt(part, radix)), 0n);
}

function badRange(text: string, hint: string): Failure {
  return new Failure(
    'invalid',
    'invalid-address-range',
    `"${text.slice(0, LONGEST_ADDRESS)}" is not a range of addresses.`,
    {
      field: 'addresses',
      hint,
    },
  );
}
