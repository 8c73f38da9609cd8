// Approvals as policy's own counting wants them, and as a card shows what came of it.

import type { z } from 'zod';
import type { stageProgress } from '../api/requests.ts';
import type { StandIn } from '../identity/delegations.ts';
import { type Principal, refOf } from '../identity/principals.ts';
import type { Quorum, QuorumFacts } from '../policy/engine/quorum.ts';

const MOST_SHOWN_CANDIDATES = 20;

/** The facts that counting needs: the requester, and every account that has approved or could. */
export function quorumFacts(requester: Principal, others: Principal[]): QuorumFacts {
  const accounts = new Map([requester, ...others].map((one) => [one.id, one]));
  return { requesterId: requester.id, managerId: requester.managerId, accounts: [...accounts.values()] };
}

/** The stages as a card shows them; `people` holds everybody whom they may name, `standIns` until when. */
export function stagesOnCard(
  counted: Quorum,
  people: readonly Principal[],
  standIns: readonly StandIn[],
): z.infer<typeof stageProgress>[] {
  const byId = new Map(people.map((one) => [one.id, one]));
  const at = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  return counted.stages.map(({ openedAtMs, widensAtMs, candidates, standIns: pairs, ...stage }) => ({
    ...stage,
    standIns: pairs.slice(0, MOST_SHOWN_CANDIDATES).flatMap(({ accountId, forId }) => {
      const [by, onBehalfOf] = [byId.get(accountId), byId.get(forId)];
      const until = standIns.find((one) => one.standInId === accountId && one.absentId === forId)?.until;
      if (by === undefined || onBehalfOf === undefined || until === undefined) return [];
      return { by: refOf(by), onBehalfOf: refOf(onBehalfOf), until: until.toISOString() };
    }),
    openedAt: at(openedAtMs),
    widensAt: at(widensAtMs),
    candidates: candidates
      .slice(0, MOST_SHOWN_CANDIDATES)
      .flatMap((id) => byId.get(id) ?? [])
      .map(refOf),
  }));
}
