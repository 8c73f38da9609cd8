// Several tasks on several targets, asked for together: one request, one card, one decision merged restrictively over the
// members, approvals that bind the digest of all. A member is what a request would be by itself; the request's row holds
// the first of them, and what holds for all.

import { digestOf } from '../base/canonical-json.ts';
import type { Db, Trx } from '../db/client.ts';
import type { Principal } from '../identity/principals.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import { decide } from '../policy/engine/decide.ts';
import type { Decided, DecisionFacts, Obligations, Outcome } from '../policy/engine/facts.ts';
import { mergeObligations } from '../policy/engine/obligations.ts';
import { type Asked, type Circumstances, decisionFacts, loadAsked } from './facts.ts';

export interface Member {
  asked: Asked;
  facts: DecisionFacts;
  /** What it binds by itself, and what policy said of it by itself. */
  digest: string;
  obligations: Obligations;
}

/** In their order; none where the request is not a bundle. */
export async function membersOf(
  db: Db | Trx,
  requestId: string,
  by: { requester: Principal; sponsor: Principal | undefined; circumstances: Circumstances },
): Promise<Member[]> {
  const rows = await db
    .selectFrom('request_members')
    .select(['target_id', 'task_id', 'digest', 'obligations'])
    .where('request_id', '=', requestId)
    .orderBy('place')
    .execute();
  const members: Member[] = [];
  for (const row of rows) {
    const asked = await loadAsked(db, { targetId: row.target_id, taskId: row.task_id });
    members.push({
      asked,
      facts: decisionFacts(by.requester, asked, by.circumstances, by.sponsor),
      digest: row.digest,
      obligations: row.obligations as Obligations,
    });
  }
  return members;
}

export interface DecidedTogether {
  outcome: Outcome;
  reasons: Decided['reasons'];
  obligations: Obligations;
  /** Of each member, in their order. */
  each: Decided[];
}

/** One that is denied denies all, one that needs approval makes all need it; every obligation of any holds for all. */
export function decideTogether(
  policies: CompiledPolicies,
  facts: readonly DecisionFacts[],
  each = facts.map((one) => decide(policies, one)),
): DecidedTogether {
  const worst = (outcome: Outcome) => each.some((one) => one.outcome === outcome);
  const outcome = worst('deny') ? 'deny' : worst('needs-approval') ? 'needs-approval' : 'allow';
  const telling = outcome === 'deny' ? each.filter((one) => one.outcome === 'deny') : each;
  const named = telling.flatMap((one) => {
    const about = facts[each.indexOf(one)];
    const member = about === undefined ? '' : `${about.task.name} on ${about.target.name}: `;
    return one.reasons.map((reason) => ({ ...reason, text: `${member}${reason.text}` }));
  });
  return { outcome, reasons: named, obligations: mergeObligations(each.map((one) => one.obligations)), each };
}

export function bundleDigest(digests: readonly string[]): string {
  return digestOf({ v: 1, members: digests });
}
