// Identifiers that sort by time, so that keyset pagination needs no second column, and that tell
// their kind at sight: `req_01jd…`. 48 bits of milliseconds and 80 random bits, in Crockford's base 32.

import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

export const ID_PREFIXES = {
  principal: 'prn',
  group: 'grp',
  token: 'tok',
  target: 'tgt',
  task: 'tsk',
  request: 'req',
  decision: 'dec',
  approval: 'apr',
  grant: 'grt',
  credential: 'crd',
  session: 'ses',
  policySet: 'pol',
  proposal: 'prp',
  shift: 'shf',
  delegation: 'dlg',
  installation: 'ins',
  passkey: 'psk',
  peopleChange: 'pch',
  notice: 'ntc',
  review: 'rvw',
  drill: 'drl',
  kit: 'kit',
  kill: 'kil',
  statement: 'stm',
} as const;

export type IdKind = keyof typeof ID_PREFIXES;

/** A new id, e.g. `newId('grant')` → `grt_01jd2q…` (prefix, underscore, 26 characters). */
export function newId(kind: IdKind, nowMs: number = Date.now()): string {
  let time = '';
  let rest = nowMs;
  for (let i = 0; i < 10; i++) {
    time = ALPHABET.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  let random = '';
  for (const byte of randomBytes(16)) random += ALPHABET.charAt(byte & 31);
  return `${ID_PREFIXES[kind]}_${time}${random}`;
}

/** True when `text` has the form of an id of that kind; says nothing about whether it exists. */
export function isId(kind: IdKind, text: string): boolean {
  return new RegExp(`^${ID_PREFIXES[kind]}_[0-9a-hjkmnp-tv-z]{26}$`).test(text);
}
