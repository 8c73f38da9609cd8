// Asking: policy decides on facts that were loaded once, and one transaction writes request, decision, grant and
// entries. A refusal is a stored request too: what was asked for and why it was refused is worth as much as a yes.

import { sql } from 'kysely';
import type { Preview, PreviewBody, SubmitBody } from '../api/requests.ts';
import { append } from '../audit/append.ts';
import { parseDuration } from '../base/duration.ts';
import { Failure } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { publish } from '../events/events.ts';
import { actorOf, type Principal } from '../identity/principals.ts';
import { decide } from '../policy/engine/decide.ts';
import type { Decided } from '../policy/engine/facts.ts';
import { storeDecision } from '../policy/publish.ts';
import type { GrantsContext } from './context.ts';
import { type Circumstances, decisionFacts, loadAsked, requestDigest } from './facts.ts';
import { intendGrant } from './intend.ts';

/** Requests that one principal may have pending at a time. */
export const MOST_PENDING_REQUESTS = 100;

export interface Caller {
  principal: Principal;
  sourceAddress: string;
}

export interface SubmitResult {
  requestId: string;
  grantId: string | null;
}

const STATE_AFTER = { allow: 'approved', 'needs-approval': 'pending', deny: 'denied' } as const;

/** Errors: `unknown-target`, `unknown-task`, `task-does-not-fit`, `invalid-duration`, `too-many-pending`. */
export async function submit(ctx: GrantsContext, caller: Caller, body: SubmitBody): Promise<SubmitResult> {
  const circumstances = circumstancesOf(caller, body, body.reason);
  const asked = await loadAsked(ctx.db, body);
  const policies = ctx.policies.current();
  const facts = decisionFacts(caller.principal, asked, circumstances);
  const decided = decide(policies, facts);
  const state = STATE_AFTER[decided.outcome];
  const requestId = newId('request');
  const actor = actorOf(caller.principal);

  return ctx.db.transaction().execute(async (trx) => {
    if (state === 'pending') await refuseTooManyPending(trx, caller.principal.id);
    await trx
      .insertInto('requests')
      .values({
        id: requestId,
        requester_id: caller.principal.id,
        target_id: asked.target.id,
        task_id: asked.task.id,
        duration_s: circumstances.durationSeconds,
        reason: body.reason,
        ticket: body.ticket ?? null,
        source_address: caller.sourceAddress,
        digest: requestDigest({ requesterId: caller.principal.id, asked, circumstances }),
        state,
        outcome: decided.outcome,
        reasons: JSON.stringify(decided.reasons),
        obligations: JSON.stringify(decided.obligations),
        expires_at: sql<Date>`now() + make_interval(secs => ${ctx.pendingLifetimeSeconds})`,
        decided_at: state === 'pending' ? null : sql<Date>`now()`,
      })
      .execute();
    await storeDecision(trx, { requestId, action: 'request', policyDigest: policies.digest, facts, decided });
    await append(trx, {
      kind: 'request.submitted',
      actor,
      requestId,
      targetId: asked.target.id,
      sourceAddress: caller.sourceAddress,
      policyDigest: policies.digest,
      detail: {
        target: asked.target.name,
        segment: asked.target.segment,
        task: asked.task.name,
        durationSeconds: circumstances.durationSeconds,
        reason: body.reason,
        ticket: body.ticket ?? null,
        outcome: decided.outcome,
        reasons: decided.reasons,
        obligations: decided.obligations,
      },
    });
    const grantId =
      state === 'approved'
        ? await intendGrant(trx, {
            requestId,
            principalId: caller.principal.id,
            asked,
            durationSeconds: circumstances.durationSeconds,
            actor,
            policyDigest: policies.digest,
          })
        : null;
    await publish(trx, { topic: 'requests', id: requestId });
    return { requestId, grantId };
  });
}

/** The decision as it would be now; nothing is written. */
export async function previewRequest(
  ctx: GrantsContext,
  caller: Caller,
  body: PreviewBody,
): Promise<Preview> {
  const asked = await loadAsked(ctx.db, body);
  const circumstances = circumstancesOf(caller, body, body.reason ?? '');
  return previewOf(decide(ctx.policies.current(), decisionFacts(caller.principal, asked, circumstances)));
}

export function previewOf(decided: Decided): Preview {
  return {
    decision: { outcome: decided.outcome, reasons: decided.reasons, obligations: decided.obligations },
    longestSeconds: decided.longestSeconds,
    enough: decided.enough,
  };
}

function circumstancesOf(
  caller: Caller,
  body: { duration: string; ticket?: string | undefined },
  reason: string,
): Circumstances {
  return {
    sourceAddress: caller.sourceAddress,
    durationSeconds: parseDuration(body.duration),
    reason,
    ticket: body.ticket ?? null,
  };
}

async function refuseTooManyPending(trx: Parameters<typeof append>[0], principalId: string): Promise<void> {
  const { count } = await trx
    .selectFrom('requests')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('requester_id', '=', principalId)
    .where('state', '=', 'pending')
    .executeTakeFirstOrThrow();
  if (count >= MOST_PENDING_REQUESTS) {
    throw new Failure(
      'limit',
      'too-many-pending',
      `You have ${MOST_PENDING_REQUESTS} pending requests already.`,
      {
        hint: 'Cancel those that you no longer need: `sally requests --state pending`.',
      },
    );
  }
}
