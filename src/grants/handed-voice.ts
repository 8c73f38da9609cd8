// A yes that was given with a token or passkey which somebody else handed out is that somebody's too: both are one person
// where people are counted (people/hand-out.ts says when). Said to the approver at once, rather than counted as nothing.

import { Failure } from '../base/errors.ts';
import type { Db, Trx } from '../db/client.ts';
import { type Principal, principalsById } from '../identity/principals.ts';
import type { Yes } from './count-approvals.ts';
import type { Caller } from './submit.ts';

interface Voice {
  by: Principal;
  onBehalfOf: Principal | null;
  handers: Principal[];
}

/**
 * `asking`: through whose hands the requester's way to sign in went; `before`: what was said already. Errors:
 * `handed-out`, when this yes would be somebody's who has said yes already, or asks.
 */
export async function refuseHandedVoice(
  trx: Trx,
  open: { requester: Principal; asking: readonly string[]; before: readonly Yes[] },
  { caller, onBehalfOf }: { caller: Caller; onBehalfOf: Principal | null },
): Promise<void> {
  const { asking, before } = open;
  const known = await principalsById(trx, [...new Set([...asking, ...(caller.handedBy ?? [])])]);
  const people = (ids: readonly string[]) => ids.flatMap((id) => known.get(id) ?? []);
  const voice = { by: caller.principal, onBehalfOf, handers: people(caller.handedBy ?? []) };
  const why = whyHandedVoiceFails(voice, [open.requester, ...people(asking)], before);
  if (why !== null)
    throw new Failure('denied', 'handed-out', why, {
      hint: 'Whoever was handed it uses a way of their own: the identity provider, or a passkey that is older than a week.',
    });
}

/** Why it would not be one more person's, for whoever gives it; null when it is. */
function whyHandedVoiceFails(
  voice: Voice,
  asking: readonly Principal[],
  before: readonly Pick<Yes, 'by' | 'onBehalfOf' | 'handers'>[],
): string | null {
  const askers = new Set(asking.map(personOf));
  const own = everybody(voice).find((one) => askers.has(personOf(one)));
  if (own !== undefined)
    return `${own.displayName} handed out a way to sign in that was used here: this would be a yes to their own request.`;
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
