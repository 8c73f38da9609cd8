// Who is told when glass breaks: everybody whom it went past. Those who could have approved, whoever owns the target
// or its segment, the manager, and who may audit. They are also those who may review it.

import type { GrantsContext } from '../grants/context.ts';
import { platformFacts } from '../grants/platform-rights.ts';
import { quorumFacts } from '../grants/quorum.ts';
import { whyNotApprove } from '../grants/visibility.ts';
import { activePeople, type Principal } from '../identity/principals.ts';
import { MOST_TOLD } from '../notices/notices.ts';
import { permittedOnPlatform } from '../policy/engine/decide.ts';
import type { DecisionFacts } from '../policy/engine/facts.ts';
import { whyNeverCounts } from '../policy/engine/quorum.ts';

/** More than a request card looks at: nobody waits for a list here. */
const MOST_LOOKED_AT = 1_000;

/** Ids, at most `MOST_TOLD`; none of those who stand behind `users`. */
export async function peopleToTell(
  ctx: GrantsContext,
  users: readonly Principal[],
  { owner, facts }: { owner: string | null; facts: DecisionFacts | null },
): Promise<string[]> {
  const people = await activePeople(ctx.db, MOST_LOOKED_AT);
  const managers = new Set(users.flatMap((one) => one.managerId ?? []));
  const [requester] = users;
  const policies = ctx.policies.current();
  const isAsked = (person: Principal) =>
    managers.has(person.id) ||
    (owner !== null && (person.name === owner || person.groups.includes(owner))) ||
    mayAudit(ctx, person) ||
    (facts !== null && requester !== undefined && whyNotApprove(policies, person, requester, facts) === null);
  return people
    .filter((person) => whyNotReview(person, users) === null && isAsked(person))
    .map((person) => person.id)
    .slice(0, MOST_TOLD);
}

/** Why nobody would believe this person's verdict, or null: their own use, or that of somebody whom they stand behind. */
export function whyNotReview(person: Principal, users: readonly Principal[]): string | null {
  for (const user of users) {
    const why = whyNeverCounts(person.id, quorumFacts(user, [person]));
    if (why !== null) return `A review is for somebody else than whoever broke the glass. ${why}`;
  }
  return null;
}

function mayAudit(ctx: GrantsContext, principal: Principal): boolean {
  // From where they would act is not known; policy that looks at the address is asked again when they do.
  const caller = { principal, sourceAddress: '127.0.0.1', mfaAgeSeconds: 0 };
  return permittedOnPlatform(ctx.policies.current(), 'audit', platformFacts(caller)).allowed;
}
