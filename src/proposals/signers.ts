// Who may sign a change of policy, and when one person is enough. Counting errs towards more people: an address or an
// hour that a policy asks for makes nobody fewer, and who was disabled a moment ago still counts for a week, so that
// nobody becomes the only one by making the others go away.

import { sql } from 'kysely';
import type { Db, Trx } from '../db/client.ts';
import { principalFacts } from '../grants/facts.ts';
import { personOf } from '../grants/handed-voice.ts';
import { mayOnPlatform, type PlatformRight } from '../grants/platform-rights.ts';
import { quorumFacts } from '../grants/quorum.ts';
import type { Caller } from '../grants/submit.ts';
import { type Principal, principalFrom, selectPrincipals } from '../identity/principals.ts';
import { couldOnPlatform } from '../policy/engine/possible.ts';
import { whyNeverCounts } from '../policy/engine/quorum.ts';
import type { Policies } from '../policy/publish.ts';

export const DISABLED_STILL_COUNT_DAYS = 7;
/** With more people than this nobody is taken for the only one. */
const MOST_PEOPLE = 5_000;

interface SignersContext {
  policies: Policies;
}

/**
 * Everybody whom the set in force could let do one of these with Sallyport (change policy, unless said otherwise), disabled
 * ones of the last week included.
 */
export async function holders(
  ctx: SignersContext,
  db: Db | Trx,
  rights: readonly PlatformRight[] = ['changePolicy'],
): Promise<{ people: Principal[]; complete: boolean }> {
  const rows = await selectPrincipals(db)
    .where('p.kind', '=', 'person')
    .where((eb) =>
      eb.or([
        eb('p.disabled_at', 'is', null),
        eb(
          'p.disabled_at',
          '>',
          sql<Date>`now() - make_interval(days => ${sql.lit(DISABLED_STILL_COUNT_DAYS)})`,
        ),
      ]),
    )
    .orderBy('p.name')
    .limit(MOST_PEOPLE)
    .execute();
  const policies = ctx.policies.current();
  const context = { sourceIp: '127.0.0.1', nowMs: Date.now(), mfaAgeSeconds: null };
  const people = rows
    .map(principalFrom)
    .filter((one) =>
      rights.some((right) => couldOnPlatform(policies, right, { principal: principalFacts(one), context })),
    );
  return { people, complete: rows.length < MOST_PEOPLE };
}

/** True while no other person could change policy: then one signature is all that there can be. */
export function isSole(
  held: { people: readonly Principal[]; complete: boolean },
  principal: Principal,
): boolean {
  const person = personOf(principal);
  const people = new Set(held.people.map(personOf));
  return held.complete && people.size === 1 && people.has(person);
}

/** Why this caller's signature would not count under a proposal of `proposer`, or null. `sole` as `isSole` says. */
export function whyNotSign(
  ctx: SignersContext,
  caller: Caller,
  proposer: Principal,
  sole: boolean,
): string | null {
  if (!mayOnPlatform(ctx, caller, 'changePolicy')) {
    return 'This needs the right to change policies, which policy gives (action "changePolicy").';
  }
  if (sole && personOf(proposer) === personOf(caller.principal)) return null;
  if (personOf(proposer) === personOf(caller.principal)) {
    return 'Nobody signs their own change, from no account of theirs: somebody else has to.';
  }
  return whyNeverCounts(caller.principal.id, quorumFacts(proposer, [caller.principal]));
}

/** Those who could sign, as people are shown them. */
export function signersFor(people: readonly Principal[], proposer: Principal): Principal[] {
  return people.filter(
    (one) => !one.disabled && whyNeverCounts(one.id, quorumFacts(proposer, [one])) === null,
  );
}
