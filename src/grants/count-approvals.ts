// The approvals of a request, counted: those that answer its present card, of people who still may give them. An
// approver is asked about again with the groups and policies of now, in the circumstances in which they said yes.

import type { Db, Trx } from '../db/client.ts';
import {
  onCallAt,
  type Principal,
  principalFrom,
  principalsById,
  selectPrincipals,
} from '../identity/principals.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import type { ContextFacts, DecisionFacts, Obligations } from '../policy/engine/facts.ts';
import { type Given, type Quorum, quorum, type StageState } from '../policy/engine/quorum.ts';
import type { RequestRow } from './approve.ts';
import { cardDigest } from './facts.ts';
import { quorumFacts } from './quorum.ts';
import { whyNotApprove, whyNotStandIn } from './visibility.ts';

/** Of an approver, when they approved. */
export type Circumstances = Pick<ContextFacts, 'sourceIp' | 'nowMs' | 'mfaAgeSeconds'> & {
  /** Whose voice theirs also was (people/hand-out.ts). */
  handedBy?: string[];
  /** Who was away, where they stood in; of a yes to a statement, which has no column for it. */
  onBehalfOf?: string;
};

/** One yes, with who gave it as they are now (on call: as they were then). */
export interface Yes extends Given {
  by: Principal;
  /** Who was away, where `by` stood in for them. */
  onBehalfOf: Principal | null;
  /** Whose voice it also was. */
  handers: Principal[];
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
    .select(['a.request_id', 'a.digest', 'a.duration_s', 'a.given_at', 'a.circumstances', 'a.on_behalf_of'])
    .select(onCallAt('a.given_at').as('on_call_then'))
    .where('a.request_id', 'in', [...digests.keys()])
    .where('a.verdict', '=', 'approve')
    .orderBy('a.given_at')
    .execute();
  const said = given.map((one) => one.circumstances as Circumstances | null);
  const others = await principalsById(db, [
    ...new Set([
      ...given.flatMap((one) => one.on_behalf_of ?? []),
      ...said.flatMap((one) => one?.handedBy ?? []),
    ]),
  ]);
  for (const [index, one] of given.entries()) {
    if (one.digest !== digests.get(one.request_id)) continue;
    const circumstances = said[index] ?? null;
    const handedBy = circumstances?.handedBy ?? [];
    found.get(one.request_id)?.push({
      accountId: one.id,
      atMs: one.given_at.getTime(),
      forId: one.on_behalf_of ?? undefined,
      onBehalfOf: others.get(one.on_behalf_of ?? '') ?? null,
      handedBy,
      handers: handedBy.flatMap((id) => others.get(id) ?? []),
      by: { ...principalFrom(one), onCallFor: one.on_call_then },
      circumstances,
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
  /** Of the members of a bundle: who approves must be named for every one. */
  members?: readonly { facts: DecisionFacts }[];
  given: Yes[];
  /** Those whom policy lets approve now, as far as somebody wants to know who could. */
  others: Principal[];
  /** Who may approve for whom now; those who are away are among `others`. */
  standIns?: { by: Principal; absent: Principal }[];
}

export interface Counted extends Quorum {
  /** What each approver who counts shortened it to. */
  durations: number[];
}

export function countApprovals(policies: CompiledPolicies, counting: Counting): Counted {
  const { row, requester, facts, given, others, standIns = [], members = [] } = counting;
  const all = [facts, ...members.map((member) => member.facts)];
  const counts = given.filter((yes) => stillMay(policies, yes, requester, all));
  const stages = (row.obligations as Obligations).approvals;
  const said = given.flatMap((yes) => [
    yes.by,
    ...(yes.onBehalfOf === null ? [] : [yes.onBehalfOf]),
    ...yes.handers,
  ]);
  const people = [...others, ...standIns.map((one) => one.by), ...said];
  const about = {
    ...quorumFacts(requester, people),
    standIns: standIns.map(({ by, absent }) => ({ accountId: by.id, forId: absent.id })),
  };
  const counted = quorum(stages, counts, about, {
    openedMs: row.created_at.getTime(),
    nowMs: facts.context.nowMs,
  });
  // Who only stands in is no candidate by themselves, and who is one needs nobody to stand in for.
  const may = new Set(others.map((one) => one.id));
  const own = (stage: StageState): StageState => {
    const candidates = stage.candidates.filter((id) => may.has(id));
    return {
      ...stage,
      candidates,
      standIns: stage.standIns.filter((one) => !candidates.includes(one.accountId)),
    };
  };
  return {
    stages: counted.stages.map(own),
    // Policy may come to allow at once what it wanted approved: then one person's yes is more than it asks for.
    met: counted.met || (row.outcome === 'allow' && counts.length > 0),
    durations: counts.flatMap((yes) => yes.durationSeconds ?? []),
  };
}

function stillMay(
  policies: CompiledPolicies,
  { by, onBehalfOf, circumstances }: Yes,
  requester: Principal,
  facts: readonly DecisionFacts[],
): boolean {
  const then = facts.map((one) => {
    const { sourceIp = one.context.sourceIp, nowMs = one.context.nowMs } = circumstances ?? {};
    const mfaAgeSeconds = circumstances === null ? one.context.mfaAgeSeconds : circumstances.mfaAgeSeconds;
    return { ...one, context: { ...one.context, sourceIp, nowMs, mfaAgeSeconds } };
  });
  const { sourceIp, mfaAgeSeconds = null } = circumstances ?? {};
  return onBehalfOf === null
    ? whyNotApprove(policies, by, requester, then, sourceIp, mfaAgeSeconds) === null
    : whyNotStandIn(policies, { by, absent: onBehalfOf }, requester, then, sourceIp, mfaAgeSeconds) === null;
}
