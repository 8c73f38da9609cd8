// Live grants, judged by a set of policies as if they were asked for now: what was asked, who holds it, task and target,
// the time now, the approvals that were given. The watch does it for good, a plan only looks.

import { sql } from 'kysely';
import { digestOf } from '../base/canonical-json.ts';
import type { Db } from '../db/client.ts';
import { type Principal, principalById } from '../identity/principals.ts';
import type { CompiledPolicies } from '../policy/engine/compile.ts';
import { decide, permitted } from '../policy/engine/decide.ts';
import type { DecisionFacts, Obligations, Outcome } from '../policy/engine/facts.ts';
import { taskFits } from '../targets/tasks.ts';
import type { GrantsContext } from './context.ts';
import { approvalsOf, countApprovals } from './count-approvals.ts';
import { type Asked, decisionFacts, loadLiveAsked, loadSponsor, requestDigest } from './facts.ts';
import { atStart } from './start.ts';

export const LIVE_GRANTS_BATCH = 500;

export type LiveGrant = Awaited<ReturnType<typeof readLiveGrants>>[number];

/** Why a grant would not be given any more. */
export interface NoLonger {
  /** `forbidden` by a forbid; `not-permitted`: no permit, or not for that long; `not-approved`: approvals are missing. */
  cause: 'forbidden' | 'not-permitted' | 'not-approved';
  /** For people. */
  note: string;
}

/** Who holds a grant, who answers for them, and what it is of, as they are now. */
export interface Holding {
  principal: Principal;
  sponsor: Principal | undefined;
  asked: Asked;
}

/** One after the other, oldest first, in batches that are read as they are needed. */
export async function* liveGrants(ctx: Pick<GrantsContext, 'db'>): AsyncGenerator<LiveGrant> {
  for (let after = ''; ; ) {
    const grants = await selectLiveGrants(ctx.db)
      .where('g.id', '>', after)
      .orderBy('g.id')
      .limit(LIVE_GRANTS_BATCH)
      .execute();
    yield* grants;
    if (grants.length < LIVE_GRANTS_BATCH) return;
    after = grants.at(-1)?.id ?? '';
  }
}

/** Those of `ids` that live. */
export function readLiveGrants(db: Db, ids: string[]) {
  return selectLiveGrants(db).where('g.id', 'in', ids).execute();
}

function selectLiveGrants(db: Db) {
  return (
    db
      .selectFrom('grants as g')
      // Where more time was approved since, that approval is what stands.
      .innerJoin('requests as r', (join) =>
        join.on(
          sql<boolean>`r.id = coalesce((select e.id from requests e where e.extends_grant = g.id and e.state = 'approved'
          order by e.id desc limit 1), g.request_id)`,
        ),
      )
      .select([
        'g.id',
        'g.request_id',
        'g.target_id',
        'g.task_id',
        'g.principal_id',
        'g.login',
        'g.duration_s',
      ])
      .select(['g.expires_at', 'r.source_address', 'r.reason', 'r.ticket'])
      // Of a bundle: the member's own, by which it is judged; the card is what was approved.
      .leftJoin('request_members as m', (join) =>
        join
          .onRef('m.request_id', '=', 'g.request_id')
          .onRef('m.target_id', '=', 'g.target_id')
          .onRef('m.task_id', '=', 'g.task_id')
          .on('r.extends_grant', 'is', null),
      )
      .select([
        sql<string>`coalesce(m.digest, r.digest)`.as('digest'),
        sql<Outcome>`coalesce(m.outcome, r.outcome)`.as('outcome'),
        sql<object>`coalesce(m.obligations, r.obligations)`.as('obligations'),
      ])
      .select(['r.digest as card_digest', 'r.outcome as card_outcome', 'r.obligations as card_obligations'])
      .select([
        'r.duration_s as asked_s',
        'r.created_at as asked_at',
        'r.mfa_age_s',
        'r.starts_at',
        'r.session_use',
        'r.id as card_id',
        'r.extends_grant',
      ])
      .select((eb) =>
        eb
          .selectFrom('decisions as d')
          .select('d.facts')
          .whereRef('d.request_id', '=', 'g.request_id')
          .where('d.action', '=', 'request')
          .where(sql<boolean>`(m.decision_id is null or d.id = m.decision_id)`)
          .orderBy('d.decided_at')
          .limit(1)
          .as('facts'),
      )
      .select(sql<boolean>`exists (select from reviews v where v.grant_id = g.id)`.as('break_glass'))
      .where('g.wanted', '=', 'present')
  );
}

/** Judges grants by `policies`; people, targets and tasks are read once. The result is null where one is gone. */
export async function createJudge(
  ctx: Pick<GrantsContext, 'db'>,
  policies: CompiledPolicies,
): Promise<(grant: LiveGrant) => Promise<(Holding & { noLonger: NoLonger | null }) | null>> {
  const asked = await loadLiveAsked(ctx.db);
  const people = new Map<string, Promise<Omit<Holding, 'asked'>>>();
  const load = async (id: string) => {
    const principal = await principalById(ctx.db, id);
    return { principal, sponsor: await loadSponsor(ctx.db, principal) };
  };
  return async (grant) => {
    const what = asked.get(`${grant.target_id} ${grant.task_id}`);
    if (what === undefined) return null;
    const known = people.get(grant.principal_id) ?? load(grant.principal_id);
    people.set(grant.principal_id, known);
    const holding = { ...(await known), asked: what };
    const facts = factsNow(grant, holding);
    return { ...holding, noLonger: await whyNoLonger(ctx, policies, grant, holding, facts) };
  };
}

export function factsNow(grant: LiveGrant, { principal, sponsor, asked }: Holding): DecisionFacts {
  const circumstances = circumstancesOf(grant, grant.duration_s);
  return atStart(decisionFacts(principal, asked, circumstances, sponsor), grant.starts_at);
}

/** Null when it would be given again. */
export async function whyNoLonger(
  ctx: Pick<GrantsContext, 'db'>,
  policies: CompiledPolicies,
  grant: LiveGrant,
  { principal, asked }: Holding,
  facts: DecisionFacts,
): Promise<NoLonger | null> {
  if (!taskFits(asked.task, asked.target))
    return { cause: 'not-permitted', note: 'The task is not offered on the target any more.' };
  if (grant.break_glass) return whyNoGlass(policies, facts);
  const { outcome, obligations, reasons } = decide(policies, facts);
  if (outcome === 'allow') return null;
  if (outcome === 'deny') {
    const forbidden = reasons.some((reason) => reason.effect === 'forbid');
    return {
      cause: forbidden ? 'forbidden' : 'not-permitted',
      note: `Policy does not allow it any more: ${reasons.map((item) => item.text).join(' ')}`,
    };
  }
  const circumstances = circumstancesOf(grant, grant.asked_s);
  const { extends_grant: extendsGrant } = grant;
  if (requestDigest({ requesterId: principal.id, asked, circumstances, extendsGrant }) !== grant.digest) {
    return {
      cause: 'not-approved',
      note: 'What was approved means something else now: its task or target has changed.',
    };
  }
  const approved = grant.obligations as Obligations;
  // Whom policy asks for has not changed, and they said yes: that they have left since takes nothing back.
  if (grant.outcome === 'needs-approval' && digestOf(approved.approvals) === digestOf(obligations.approvals))
    return null;
  const card = {
    id: grant.card_id,
    digest: grant.card_digest,
    outcome: grant.card_outcome,
    obligations: grant.card_obligations,
  };
  const given = (await approvalsOf(ctx.db, [card])).get(card.id) ?? [];
  const row = { ...card, outcome, obligations, created_at: grant.asked_at };
  const { met } = countApprovals(policies, { row, requester: principal, facts, given, others: [] });
  return met ? null : { cause: 'not-approved', note: 'Policy wants approvals now that it does not have.' };
}

/** What was taken by break-glass lives as long as policy would let the glass be broken again. */
function whyNoGlass(policies: CompiledPolicies, facts: DecisionFacts): NoLonger | null {
  const { allowed, reasons } = permitted(policies, 'breakGlass', facts);
  if (allowed) return null;
  return {
    cause: reasons.some((reason) => reason.effect === 'forbid') ? 'forbidden' : 'not-permitted',
    note: `Policy lets no glass be broken here any more: ${reasons.map((item) => item.text).join(' ')}`,
  };
}

function circumstancesOf(grant: LiveGrant, durationSeconds: number) {
  return {
    sourceAddress: grant.source_address,
    durationSeconds,
    reason: grant.reason,
    ticket: grant.ticket,
    // How fresh the passkey was when it was asked for is a fact of the request; it does not grow old with the grant.
    mfaAgeSeconds: grant.mfa_age_s,
    startsAt: grant.starts_at,
    sessionUse: grant.session_use,
  };
}
