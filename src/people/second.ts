// Who may be the second person for a change of people: whoever may administer or change policies, is somebody else than
// the first, by no account, sponsor or handed-out token of theirs, and does not gain by it. Where there is nobody, one is
// enough, and the log says so.

import type { Db, Trx } from '../db/client.ts';
import type { GrantsContext } from '../grants/context.ts';
import { personOf, sharedVoice } from '../grants/handed-voice.ts';
import { mayOnPlatform } from '../grants/platform-rights.ts';
import { quorumFacts } from '../grants/quorum.ts';
import type { Caller } from '../grants/submit.ts';
import type { Principal } from '../identity/principals.ts';
import { whyNeverCounts } from '../policy/engine/quorum.ts';
import { holders } from '../proposals/signers.ts';

const SECONDS = ['administer', 'changePolicy'] as const;

/** Nobody but `by` could agree to it. `gains`: whom it gives something, who does not count then; null for nobody. */
export async function isAlone(
  ctx: Pick<GrantsContext, 'policies'>,
  db: Db | Trx,
  by: Principal,
  gains: Principal | null,
): Promise<boolean> {
  const { people, complete } = await holders(ctx, db, SECONDS);
  const out = [personOf(by), ...(gains === null ? [] : [personOf(gains)])];
  return complete && people.every((one) => out.includes(personOf(one)));
}

export interface First {
  proposer: Principal;
  /** Ids of those whose voice the proposer's also was. */
  handedBy: readonly string[];
  /** Whose change it is. */
  principal: Principal;
}

/** Why this caller is no second person for it, or null. */
export async function whyNoSecond(
  ctx: Pick<GrantsContext, 'policies'>,
  db: Db | Trx,
  caller: Caller,
  { proposer, handedBy, principal }: First,
): Promise<string | null> {
  if (!SECONDS.some((right) => mayOnPlatform(ctx, caller, right)))
    return 'This needs the right to administer or to change policies.';
  const me = personOf(caller.principal);
  if (me === personOf(proposer)) return 'You proposed it: a second person has to agree.';
  if (me === personOf(principal)) return 'It is about yourself: somebody else has to agree.';
  const voices = [caller.principal.id, ...(caller.handedBy ?? [])];
  const same = await sharedVoice(db, voices, [proposer.id, ...handedBy]);
  if (same !== null)
    return `${same.displayName} handed out a way to sign in that was used for this: both together are one person.`;
  return whyNeverCounts(caller.principal.id, quorumFacts(proposer, [caller.principal]));
}
