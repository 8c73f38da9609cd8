// The approvals of a request, counted: those that answer its present card, of people who still may give them. An
// approver is asked about again with the groups and policies of now, in the circumstances in which they said yes.

import type { Db, Trx } from '../db/client.ts';
import { onCallAt, type Principal, principalFrom, selectPrincipals } from '../identity/principals.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import type { ContextFacts, DecisionFacts, Obligations } from '../policy/engine/facts.ts';
import { type Given, type Quorum, quorum } from '../policy/engine/quorum.ts';
import type { RequestRow } from './approve.ts';
import { cardDigest } from './facts.ts';
import { quorumFacts } from './quorum.ts';
import { whyNotApprove } from './visibility.ts';

/** Of an approver, when they approved. */
export type Circumstances = Pick<ContextFacts, 'sourceIp' | 'nowMs' | 'mfaAgeSeconds'>;

/** One yes, with who gave it as they are now (on call: as they were then). */
export interface Yes extends Given {
  by: Principal;
  circumstances: Circumstances | null;
  durationSeconds: number | null;
}

type Card = Pick<RequestRow, 'id' | 'digest' | 'outcome' | 'obligations'>;

/** What was said to each card as it is now, in order, by request. */
export async function approvalsOf(db: Db | Trx, rows: readonly Card[]): Promise<Map<string, Yes[]>> {
  const found = new Map<string, Yes[]>(rows.map((row) => [row.id, []]));
  if (rows.length === 0) return found;
  const digests = new Map(rows.map((row) => [row.id, cardDigest(row)]));
  const given = await selectPrincipals(db)
    .innerJoin('approvals as a', 'a.principal_id', 'p.id')
    .select(['a.request_id', 'a.digest', 'a.duration_s', 'a.given_at', 'a.circumstances'])
    .select(onCallAt('a.given_at').as('on_call_then'))
    .where('a.request_id', 'in', [...digests.keys()])
    .where('a.verdict', '=', 'approve')
    .orderBy('a.given_at')
    .execute();
  for (const one of given) {
    if (one.digest !== digests.get(one.request_id)) continue;
    found.get(one.request_id)?.push({
      accountId: one.id,
      atMs: one.given_at.getTime(),
      by: { ...principalFrom(one), onCallFor: one.on_call_then },
      circumstances: one.circumstances as Circumstances | null,
      durationSeconds: one.duration_s,
    });
  }
  return found;
}

export interface Counting {
  row: Card & Pick<RequestRow, 'created_at'>;
  requester: Principal;
  /** Of the request; their time is now. */
  facts: DecisionFacts;
  given: Yes[];
  /** Those whom policy lets approve now, as far as somebody wants to know who could. */
  others: Principal[];
}

export interface Counted extends Quorum {
  /** What each approver who counts shortened it to. */
  durations: number[];
}

export function countApprovals(policies: CompiledPolicies, counting: Counting): Counted {
  const { row, requester, facts, given, others } = counting;
  const counts = given.filter((yes) => stillMay(policies, yes, requester, facts));
  const stages = (row.obligations as Obligations).approvals;
  const people = [...others, ...given.map((yes) => yes.by)];
  const counted = quorum(stages, counts, quorumFacts(requester, people), {
    openedMs: row.created_at.getTime(),
    nowMs: facts.context.nowMs,
  });
  return {
    ...counted,
    // Policy may come to allow at once what it wanted approved: then one person's yes is more than it asks for.
    met: counted.met || (row.outcome === 'allow' && counts.length > 0),
    durations: counts.flatMap((yes) => yes.durationSeconds ?? []),
  };
}

function stillMay(
  policies: CompiledPolicies,
  { by, circumstances }: Yes,
  requester: Principal,
  facts: DecisionFacts,
): boolean {
  const then = { ...facts, context: { ...facts.context, ...circumstances } };
  const { sourceIp, mfaAgeSeconds = null } = circumstances ?? {};
  return whyNotApprove(policies, by, requester, then, sourceIp, mfaAgeSeconds) === null;
}
