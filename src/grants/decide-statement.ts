// Deciding on one statement: as on a request, but the yes is for this text with these values, and is counted against the
// stages that policy names for statements. Stand-ins decide requests, not statements.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import { conflict, Failure, notFound } from '../base/errors.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { actorOf } from '../identity/principals.ts';
import type { Obligations } from '../policy/engine/facts.ts';
import type { GrantsContext } from './context.ts';
import { countApprovals } from './count-approvals.ts';
import { refuseWhileHeldBack } from './hold-back.ts';
import { requestChanged } from './refusals.ts';
import { FORGOTTEN } from './statement-desk.ts';
import { loadStatement, type OpenStatement, sees, votesOn, whyNotDecide } from './statement-view.ts';
import { requireStepUp } from './step-up.ts';
import type { Caller } from './submit.ts';

/** Errors: `unknown-statement`, `may-not-approve`, `statement-decided`, `request-changed`, `already-decided`, `step-up-required`. */
export async function approveStatement(
  ctx: GrantsContext,
  caller: Caller,
  id: string,
  digest: string,
): Promise<void> {
  refuseWhileHeldBack(ctx);
  await ctx.db.transaction().execute(async (trx) => {
    const open = await lock(ctx, trx, caller, id, caller.mfaAgeSeconds);
    if (digest !== open.row.digest) throw requestChanged();
    requireStepUp(ctx, caller, open.request.obligations as Obligations);
    const before = await votesOn(trx, open.row);
    const counted = countApprovals(ctx.policies.current(), {
      ...open.counting,
      given: before,
      others: [caller.principal],
    });
    const now = counted.stages.find((stage) => stage.state === 'open');
    if (now?.candidates.includes(caller.principal.id) !== true) {
      if (before.some((yes) => yes.accountId === caller.principal.id))
        throw conflict('already-decided', 'You have approved this statement already; it waits for others.');
      throw new Failure(
        'denied',
        'may-not-approve',
        `Your approval would not count: policy asks for ${counted.stages.map((one) => `${one.count} of ${one.from}`).join('; ')}.`,
      );
    }
    const { sourceAddress, mfaAgeSeconds, handedBy = [] } = caller;
    await trx
      .insertInto('statement_approvals')
      .values({
        statement_id: id,
        principal_id: caller.principal.id,
        digest,
        circumstances: JSON.stringify({
          sourceIp: sourceAddress,
          nowMs: open.counting.facts.context.nowMs,
          mfaAgeSeconds,
          ...(handedBy.length === 0 ? {} : { handedBy }),
        }),
      })
      .execute();
    const given = await votesOn(trx, open.row);
    const { met } = countApprovals(ctx.policies.current(), { ...open.counting, given, others: [] });
    if (met) await decide(trx, id, { state: 'approved' });
    await note(trx, caller, open, 'statement.approved', { complete: met });
  });
}

/** One person who may approve is enough to say no. Errors: as `approveStatement`. */
export async function denyStatement(
  ctx: GrantsContext,
  caller: Caller,
  id: string,
  reason: string,
): Promise<void> {
  await ctx.db.transaction().execute(async (trx) => {
    // Whoever may say yes with a passkey may say no without it.
    const open = await lock(ctx, trx, caller, id, 0);
    await decide(trx, id, { state: 'denied', reason, decided_by: caller.principal.id, ...FORGOTTEN });
    await note(trx, caller, open, 'statement.denied', { reason });
  });
}

async function lock(
  ctx: GrantsContext,
  trx: Trx,
  caller: Caller,
  id: string,
  mfaAgeSeconds: number | null,
): Promise<OpenStatement> {
  await trx.selectFrom('statement_requests').select('id').where('id', '=', id).forUpdate().execute();
  const open = await loadStatement(trx, id);
  if (open === null) throw notFound('statement', id);
  const why = whyNotDecide(ctx, { ...caller, mfaAgeSeconds }, open);
  if (why !== null) {
    if (!sees(ctx, caller, open)) throw notFound('statement', id);
    throw new Failure('denied', 'may-not-approve', why);
  }
  if (open.row.state !== 'waiting' || open.late)
    throw conflict('statement-decided', 'This statement does not wait any more.', {
      facts: { state: open.row.state },
    });
  return open;
}

async function decide(
  trx: Trx,
  id: string,
  to: { state: 'approved' } | ({ state: 'denied'; reason: string; decided_by: string } & typeof FORGOTTEN),
): Promise<void> {
  await trx
    .updateTable('statement_requests')
    .set({ ...to, decided_at: sql<Date>`now()` })
    .where('id', '=', id)
    .execute();
}

async function note(
  trx: Trx,
  caller: Caller,
  open: OpenStatement,
  kind: 'statement.approved' | 'statement.denied',
  more: Record<string, unknown>,
): Promise<void> {
  const { row, requester } = open;
  await append(trx, {
    kind,
    actor: actorOf(caller.principal),
    requestId: open.request.id,
    grantId: open.grantId,
    sessionId: row.session_id,
    targetId: open.targetId,
    sourceAddress: caller.sourceAddress,
    detail: { statement: row.id, digest: row.digest, principal: requester.name, ...more },
  });
  await publish(trx, { topic: 'requests', id: row.id });
}
