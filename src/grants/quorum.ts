// Who has said yes to a request and who still could, from the store's rows; the counting itself is policy's.

import type { z } from 'zod';
import type { ApprovalStage, Obligations, stageProgress as stageSchema } from '../api/requests.ts';
import type { Db, Trx } from '../db/client.ts';
import { type Principal, principalFrom, refOf, selectPrincipals } from '../identity/principals.ts';
import { type Quorum, type QuorumFacts, quorum } from '../policy/engine/quorum.ts';
import type { RequestRow } from './approve.ts';

const MOST_SHOWN_CANDIDATES = 20;

/** The facts that counting needs: the requester, and every account that has approved or could. */
export function quorumFacts(requester: Principal, others: Principal[]): QuorumFacts {
  // Who sponsors is a person, whichever account of theirs is named.
  const accounts = new Map(
    [requester, ...others].map((one) => [one.id, { ...one, sponsorId: one.sponsorPerson }]),
  );
  return { requesterId: requester.id, managerId: requester.managerId, accounts: [...accounts.values()] };
}

/** Counted under the request's lock. `durations`: what each approver shortened it to. */
export async function quorumOf(
  db: Db | Trx,
  row: Pick<RequestRow, 'id' | 'outcome' | 'obligations' | 'digest'>,
  requester: Principal,
): Promise<{ met: boolean; durations: number[] }> {
  const given = await selectPrincipals(db)
    .innerJoin('approvals as a', 'a.principal_id', 'p.id')
    .select('a.duration_s')
    .where('a.request_id', '=', row.id)
    .where('a.verdict', '=', 'approve')
    .where('a.digest', '=', row.digest)
    .execute();
  const approvers = given.map(principalFrom);
  const stages = (row.obligations as Obligations).approvals;
  const counted = quorum(
    stages,
    approvers.map((one) => one.id),
    quorumFacts(requester, approvers),
  );
  return {
    // Policy may come to allow at once what it wanted approved: then one person's yes is more than it asks for.
    met: row.outcome === 'allow' || counted.met,
    durations: given.flatMap((item) => (item.duration_s === null ? [] : [item.duration_s])),
  };
}

/** True when this person's approval would fill a place in some stage. */
export function wouldCount(stages: ApprovalStage[], requester: Principal, approver: Principal): boolean {
  const counted: Quorum = quorum(stages, [approver.id], quorumFacts(requester, [approver]));
  return counted.stages.some((stage) => stage.given > 0);
}

/** The stages as a card shows them. `eligible` are people whom policy lets approve. */
export function stageProgress(
  stages: ApprovalStage[],
  requester: Principal,
  approvers: Principal[],
  eligible: Principal[],
): z.infer<typeof stageSchema>[] {
  const people = new Map([...approvers, ...eligible].map((one) => [one.id, one]));
  const counted = quorum(
    stages,
    approvers.map((one) => one.id),
    quorumFacts(requester, [...people.values()]),
  );
  return counted.stages.map((stage) => ({
    count: stage.count,
    from: stage.from,
    given: stage.given,
    candidates: stage.candidates
      .slice(0, MOST_SHOWN_CANDIDATES)
      .flatMap((id) => people.get(id) ?? [])
      .map(refOf),
  }));
}
