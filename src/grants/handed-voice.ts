// A yes that was given with a token or passkey which somebody else handed out is that somebody's too: both are one person
// where people are counted (people/hand-out.ts says when). Said to the approver at once, rather than counted as nothing.

import type { Db, Trx } from '../db/client.ts';
import { type Principal, principalsById } from '../identity/principals.ts';
import type { Yes } from './count-approvals.ts';

interface Voice {
  by: Principal;
  onBehalfOf: Principal | null;
  handers: Principal[];
}

/** Why this yes would not be one more person's, for whoever gives it; null when it is. */
export function whyHandedVoiceFails(
  voice: Voice,
  requester: Principal,
  before: readonly Pick<Yes, 'by' | 'onBehalfOf' | 'handers'>[],
): string | null {
  const own = voice.handers.find((one) => personOf(one) === personOf(requester));
  if (own !== undefined)
    return `${own.displayName} handed out what you signed in with, and asks here: this would be their own yes.`;
  const people = new Set(everybody(voice).map(personOf));
  const handed = voice.handers.length > 0;
  for (const yes of before) {
    if (!handed && yes.handers.length === 0) continue;
    const same = everybody(yes).find((one) => people.has(personOf(one)));
    if (same !== undefined)
      return `${same.displayName} handed out a way to sign in that was used here: both yeses together are one person's.`;
  }
  return null;
}

function everybody(voice: Pick<Voice, 'by' | 'onBehalfOf' | 'handers'>): Principal[] {
  return [voice.by, ...(voice.onBehalfOf === null ? [] : [voice.onBehalfOf]), ...voice.handers];
}

export function personOf(principal: Pick<Principal, 'id' | 'samePersonAs'>): string {
  return principal.samePersonAs ?? principal.id;
}

/** Somebody who stands on both sides, each an account with those through whose hands its way in went; or null. */
export async function sharedVoice(
  db: Db | Trx,
  one: readonly string[],
  other: readonly string[],
): Promise<Principal | null> {
  if (one.length + other.length === 2) return null;
  const known = await principalsById(db, [...new Set([...one, ...other])]);
  const people = (ids: readonly string[]) => ids.flatMap((id) => known.get(id) ?? []);
  const there = new Set(people(other).map(personOf));
  return people(one).find((principal) => there.has(personOf(principal))) ?? null;
}
