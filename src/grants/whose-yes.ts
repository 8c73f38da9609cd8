// Whose yes it is that somebody gives: their own, or that of somebody who is away and whom policy names. Of requests and
// of single statements alike.

import { conflict, Failure } from '../base/errors.ts';
import type { Trx } from '../db/client.ts';
import { standInsNow } from '../identity/delegations.ts';
import { type Principal, principalsById } from '../identity/principals.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import type { DecisionFacts } from '../policy/engine/facts.ts';
import { type Counting, countApprovals } from './count-approvals.ts';
import type { Caller } from './submit.ts';
import { whyNotStandIn } from './visibility.ts';

/** Those away whom policy names as approvers, and for whom the caller stands in now. */
export async function absentFor(
  policies: CompiledPolicies,
  trx: Trx,
  { principal: by, sourceAddress, mfaAgeSeconds }: Caller,
  requester: Principal,
  facts: DecisionFacts | readonly DecisionFacts[],
): Promise<Principal[]> {
  const away = await principalsById(
    trx,
    (await standInsNow(trx, by.id)).map((one) => one.absentId),
  );
  return [...away.values()].filter(
    (absent) =>
      whyNotStandIn(policies, { by, absent }, requester, facts, sourceAddress, mfaAgeSeconds) === null,
  );
}

interface Giver {
  approver: Principal;
  /** Policy lets them decide by themselves. */
  own: boolean;
  /** Those away for whom they may decide. */
  absent: Principal[];
}

/**
 * Who was away, where the approver stands in for them; null for themselves. Errors: `already-decided`; `stage-not-open`
 * and `may-not-approve` where the yes would not count.
 */
export function forWhom(
  policies: CompiledPolicies,
  counting: Omit<Counting, 'others' | 'standIns'>,
  { approver, own, absent }: Giver,
  what: 'request' | 'statement',
): Principal | null {
  if (counting.given.some((yes) => yes.accountId === approver.id)) throw alreadyDecided(what);
  const others = [...(own ? [approver] : []), ...absent];
  const standIns = absent.map((one) => ({ by: approver, absent: one }));
  const { stages } = countApprovals(policies, { ...counting, others, standIns });
  const now = stages.find((stage) => stage.state === 'open');
  if (now?.candidates.includes(approver.id)) return null;
  const pair = now?.standIns.find((one) => one.accountId === approver.id);
  if (pair !== undefined) return absent.find((one) => one.id === pair.forId) ?? null;
  const voices = others.map((one) => one.id);
  if (
    stages.some((stage) => stage.state === 'waiting' && stage.candidates.some((id) => voices.includes(id)))
  ) {
    throw conflict(
      'stage-not-open',
      `${notYours(own, absent)} is asked for later: first ${now?.count} of ${now?.from} ${now?.count === 1 ? 'has' : 'have'} to approve.`,
      { hint: 'The card shows the stage that is open and what comes after it.' },
    );
  }
  const wanted = stages.map((stage) => `${stage.count} of ${stage.from}`).join('; ');
  throw new Failure('denied', 'may-not-approve', `Your approval would not count: policy asks for ${wanted}.`);
}

/** Whose approval it is: who only stands in gives that of whoever is away. */
function notYours(own: boolean, absent: readonly Principal[]): string {
  if (own) return 'Your approval';
  return `An approval for ${absent.map((one) => one.name).join(' or ')}, who is away,`;
}

export function alreadyDecided(what: 'request' | 'statement'): Failure {
  return conflict('already-decided', `You have approved this ${what} already; it waits for others.`);
}
