// The hash of a log's leaf, computed where it is read: SHA-256(0x00 || canonical JSON), RFC 6962 and RFC 8785.

import canonicalize from 'canonicalize';
import type { Leaf } from '../../src/api/audit.ts';

const LEAF_PREFIX = 0;

/** Lower-case hex. Errors: TypeError where the page is not a secure context, which has no WebCrypto. */
export async function leafHashOf(leaf: Leaf): Promise<string> {
  const text = new TextEncoder().encode(canonicalize(leaf) ?? '');
  const input = new Uint8Array(text.length + 1);
  input[0] = LEAF_PREFIX;
  input.set(text, 1);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', input));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
