// Deciding on a request: under a lock on its row, so that fifty approvals at once are one decision. Policy decides
// again with the requester's stored address and the time now; what differs from the card is a conflict, not a yes.

import { type Selectable, sql } from 'kysely';
import { append } from '../audit/append.ts';
import { formatDuration, parseDuration } from '../base/duration.ts';
import { conflict, Failure, invalid, notFound } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Trx } from '../db/client.ts';
import type { Tables } from '../db/tables.ts';
import { publish } from '../events/events.ts';
import { actorOf, type Principal, principalById } from '../identity/principals.ts';
import type { DecisionFacts, Obligations } from '../policy/engine/facts.ts';
import { brokenLimits, brokenText } from '../policy/engine/limits.ts';
import { type Member, membersOf } from './bundle.ts';
import type { GrantsContext } from './context.ts';
import { approvalsOf, type Circumstances, countApprovals, type Yes } from './count-approvals.ts';
import { decideAgain } from './decide-again.ts';
import { type Asked, cardDigest, decisionFacts, loadAsked, loadSponsor } from './facts.ts';
import { refuseHandedVoice } from './handed-voice.ts';
import { refuseWhileHeldBack } from './hold-back.ts';
import { intendGrant, termsOf } from './intend.ts';
import { refuseWhileKilled } from './kill-scope.ts';
import { lengthenGrant } from './lengthen.ts';
import { heldOf } from './limits.ts';
import { seesEverything } from './platform-rights.ts';
import { orNoteRefusal, requestChanged } from './refusals.ts';
import { askForPasskeyIf, requireStepUp } from './step-up.ts';
import type { Caller } from './submit.ts';
import { nextRequestState } from './transitions.ts';
import { whyNotApprove } from './visibility.ts';
import { absentFor, alreadyDecided, forWhom } from './whose-yes.ts';

export type RequestRow = Selectable<Tables['requests']>;

export interface Open {
  row: RequestRow;
  requester: Principal;
  asked: Asked;
  facts: DecisionFacts;
  /** Of a bundle; none for a single one. */
  members: Member[];
  /** Policy lets the caller decide by themselves. */
  own: boolean;
  /** Those away for whom the caller may decide. */
  absent: Principal[];
}

/**
 * The grant's id when this approval completed the quorum, otherwise null. Every refusal leaves an entry.
 * Errors: `step-up-required` among others.
 */
export async function approve(
  ctx: GrantsContext,
  caller: Caller,
  requestId: string,
  body: { duration?: string | undefined; digest?: string | undefined },
): Promise<{ grantId: string | null }> {
  refuseWhileHeldBack(ctx);
  const shorter = body.duration === undefined ? null : parseDuration(body.duration);
  return orNoteRefusal(ctx, caller, { requestId }, 'approve', async () => {
    const outcome = await ctx.db.transaction().execute(async (trx) => {
      const open = await lockRequest(ctx, trx, caller, requestId, 'approve');
      if (shorter !== null && shorter > open.row.duration_s) {
        throw invalid(
          'duration',
          `An approval may only shorten: ${formatDuration(open.row.duration_s)} was asked for.`,
        );
      }
      if (body.digest !== undefined && body.digest !== cardDigest(open.row)) throw requestChanged();
      requireStepUp(ctx, caller, open.row.obligations as Obligations);
      for (const { asked } of [open, ...open.members])
        await refuseWhileKilled(trx, open.requester, asked.target);
      const changed = await decideAgain(ctx, trx, open);
      if (changed) return { changed: true, grantId: null };
      const onBehalfOf = await forWhomHere(ctx, trx, open, caller.principal);
      await refuseHandedVoice(
        trx,
        { asking: open.row.handed_by, requester: open.requester, before: await approvalsHere(trx, open) },
        { caller, onBehalfOf },
      );
      const given = { verdict: 'approve', durationSeconds: shorter, reason: null, onBehalfOf } as const;
      await recordVerdict(trx, open, caller, given);
      return { changed: false, grantId: await completeIfMet(ctx, trx, open) };
    });
    if (outcome.changed) {
      throw conflict(
        'decision-changed',
        'Policy decides differently now than when you looked. Look at the card again.',
        {
          hint: 'The card shows the new decision; approve again if it is still right.',
        },
      );
    }
    return { grantId: outcome.grantId };
  });
}

/** One person who may approve is enough to say no. */
export async function deny(
  ctx: GrantsContext,
  caller: Caller,
  requestId: string,
  reason: string,
): Promise<void> {
  await orNoteRefusal(ctx, caller, { requestId }, 'deny', () =>
    ctx.db.transaction().execute(async (trx) => {
      const open = await lockRequest(ctx, trx, caller, requestId, 'deny');
      const onBehalfOf = open.own ? null : (open.absent[0] ?? null);
      await recordVerdict(trx, open, caller, { verdict: 'deny', durationSeconds: null, reason, onBehalfOf });
      await closeRequest(trx, open, 'deny');
    }),
  );
}

async function lockRequest(
  ctx: GrantsContext,
  trx: Trx,
  caller: Caller,
  requestId: string,
  event: 'approve' | 'deny',
): Promise<Open> {
  const row = await trx
    .selectFrom('requests')
    .selectAll()
    .where('id', '=', requestId)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) throw notFound('request', requestId);
  const [requester, asked] = [
    await principalById(trx, row.requester_id),
    await loadAsked(trx, { targetId: row.target_id, taskId: row.task_id }),
  ];
  const sponsor = await loadSponsor(trx, requester);
  const facts = factsOf(row, requester, asked, sponsor);
  const members = await membersOf(trx, row.id, { requester, sponsor, circumstances: circumstancesOf(row) });
  const all = [facts, ...members.map((member) => member.facts)];
  const policies = ctx.policies.current();
  const why = (mfaAgeSeconds: number | null) =>
    whyNotApprove(policies, caller.principal, requester, all, caller.sourceAddress, mfaAgeSeconds);
  // Whoever may say yes with a passkey may say no without it.
  const mfaAgeSeconds = event === 'deny' ? 0 : caller.mfaAgeSeconds;
  const refusal = why(mfaAgeSeconds);
  const absent = await absentFor(policies, trx, { ...caller, mfaAgeSeconds }, requester, all);
  if (refusal !== null && absent.length === 0) {
    askForPasskeyIf(ctx, caller, (age) => why(age) === null);
    const visible = row.requester_id === caller.principal.id || seesEverything(ctx, caller);
    if (!visible && caller.principal.samePersonAs !== row.requester_id) throw notFound('request', requestId);
    throw new Failure('denied', 'may-not-approve', refusal);
  }
  nextRequestState(row.state, event);
  if (row.expires_at.getTime() <= asked.now.getTime()) {
    throw conflict('request-expired', 'This request has expired; it has to be made again.', {
      facts: { state: 'expired' },
    });
  }
  return { row, requester, asked, facts, members, own: refusal === null, absent };
}

async function approvalsHere(trx: Trx, { row }: Open): Promise<Yes[]> {
  return (await approvalsOf(trx, [row])).get(row.id) ?? [];
}

async function forWhomHere(
  ctx: GrantsContext,
  trx: Trx,
  open: Open,
  approver: Principal,
): Promise<Principal | null> {
  const { row, own, absent } = open;
  if (row.outcome !== 'needs-approval') return own ? null : (absent[0] ?? null);
  const given = await approvalsHere(trx, open);
  return forWhom(ctx.policies.current(), { ...open, given }, { approver, own, absent }, 'request');
}

/** `sponsor`: the requester's, where it matters what is decided. */
export function factsOf(
  row: RequestRow,
  requester: Principal,
  asked: Asked,
  sponsor?: Principal,
): DecisionFacts {
  return decisionFacts(requester, asked, circumstancesOf(row), sponsor);
}

export function circumstancesOf(row: RequestRow) {
  return {
    sourceAddress: row.source_address,
    durationSeconds: row.duration_s,
    reason: row.reason,
    ticket: row.ticket,
    mfaAgeSeconds: row.mfa_age_s,
    startsAt: row.starts_at,
    sessionUse: row.session_use,
  };
}

async function recordVerdict(
  trx: Trx,
  open: Open,
  caller: Caller,
  given: {
    verdict: 'approve' | 'deny';
    durationSeconds: number | null;
    reason: string | null;
    onBehalfOf: Principal | null;
  },
): Promise<void> {
  const inserted = await trx
    .insertInto('approvals')
    .values({
      id: newId('approval'),
      request_id: open.row.id,
      principal_id: caller.principal.id,
      verdict: given.verdict,
      digest: cardDigest(open.row),
      duration_s: given.durationSeconds,
      reason: given.reason,
      // The transaction may have waited for the one before it: what counts is when it is written down.
      given_at: sql<Date>`clock_timestamp()`,
      on_behalf_of: given.onBehalfOf?.id ?? null,
      circumstances: JSON.stringify(circumstancesOfApprover(open, caller)),
    })
    .onConflict((oc) => oc.columns(['request_id', 'principal_id', 'digest']).doNothing())
    .executeTakeFirst();
  if (Number(inserted.numInsertedOrUpdatedRows ?? 0) === 0) {
    throw alreadyDecided('request');
  }
  await append(trx, {
    kind: given.verdict === 'approve' ? 'request.approved' : 'request.denied',
    actor: actorOf(caller.principal),
    requestId: open.row.id,
    targetId: open.row.target_id,
    sourceAddress: caller.sourceAddress,
    detail: {
      digest: cardDigest(open.row),
      durationSeconds: given.durationSeconds,
      reason: given.reason,
      ...(given.onBehalfOf === null ? {} : { onBehalfOf: given.onBehalfOf.name }),
    },
  });
  await publish(trx, { topic: 'requests', id: open.row.id });
}

async function completeIfMet(ctx: GrantsContext, trx: Trx, open: Open): Promise<string | null> {
  const given = await approvalsHere(trx, open);
  const counted = countApprovals(ctx.policies.current(), { ...open, given, others: [] });
  if (!counted.met) return null;
  const durationSeconds = Math.min(open.row.duration_s, ...counted.durations);
  if (open.members.length === 0)
    await refuseBeyondLimits(trx, open, open.row.obligations as Obligations, durationSeconds);
  await closeRequest(trx, open, 'approve');
  await trx
    .updateTable('requests')
    .set({ approved_duration_s: durationSeconds })
    .where('id', '=', open.row.id)
    .execute();
  if (open.row.extends_grant !== null) {
    return lengthenGrant(trx, {
      grantId: open.row.extends_grant,
      requestId: open.row.id,
      wholeSeconds: durationSeconds,
      requester: open.requester,
      reason: open.row.reason,
    });
  }
  const single = { asked: open.asked, obligations: open.row.obligations as Obligations };
  const bundled = open.members.length > 0;
  let first: string | null = null;
  for (const { asked, obligations } of bundled ? open.members : [single]) {
    // Each sees those before it in this transaction, so limits count them all.
    if (bundled) await refuseBeyondLimits(trx, open, obligations, durationSeconds);
    const grantId = await intendGrant(trx, {
      requestId: open.row.id,
      principalId: open.requester.id,
      asked,
      durationSeconds,
      actor: actorOf(open.requester),
      policyDigest: ctx.policies.current().digest,
      startsAt: open.row.starts_at,
      terms: termsOf(obligations, open.row.session_use),
      bundled,
    });
    first ??= grantId;
  }
  return first;
}

// What was free when it was asked may be taken by now. Nothing is written then: the last yes can be given again later.
async function refuseBeyondLimits(
  trx: Trx,
  open: Open,
  { limits }: Obligations,
  durationSeconds: number,
): Promise<void> {
  if (limits === undefined) return;
  const { extends_grant: butGrant } = open.row;
  const use = await heldOf(trx, {
    limits,
    principal: open.requester,
    ...(butGrant === null ? {} : { butGrant }),
  });
  const [broken] = brokenLimits(limits, use, durationSeconds);
  if (broken === undefined) return;
  throw conflict('limit-reached', brokenText(broken, use, durationSeconds), {
    hint: 'Something that is held has to be given back first; then approve again.',
  });
}

async function closeRequest(trx: Trx, open: Open, event: 'approve' | 'deny'): Promise<void> {
  await trx
    .updateTable('requests')
    .set({
      state: nextRequestState(open.row.state, event),
      decided_at: sql`now()`,
      version: sql`version + 1`,
    })
    .where('id', '=', open.row.id)
    .execute();
}

function circumstancesOfApprover(open: Open, caller: Caller): Circumstances {
  const { sourceAddress, mfaAgeSeconds, handedBy = [] } = caller;
  const when = { sourceIp: sourceAddress, nowMs: open.facts.context.nowMs, mfaAgeSeconds };
  return handedBy.length === 0 ? when : { ...when, handedBy: [...handedBy] };
}
