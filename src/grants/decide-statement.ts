// Deciding on one statement: as on a request, by approvers and by who stands in for them, but the yes is for this text with
// these values, and is counted against the stages that policy names for statements.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import { conflict, Failure, notFound } from '../base/errors.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import { actorOf, type Principal } from '../identity/principals.ts';
import { settleNotices } from '../notices/notices.ts';
import type { Obligations } from '../policy/engine/facts.ts';
import type { GrantsContext } from './context.ts';
import type { Circumstances } from './count-approvals.ts';
import { refuseHandedVoice } from './handed-voice.ts';
import { refuseWhileHeldBack } from './hold-back.ts';
import { orNoteRefusal, requestChanged } from './refusals.ts';
import { FORGOTTEN } from './statement-desk.ts';
import {
  decidersOf,
  loadStatement,
  type OpenStatement,
  sees,
  votesOn,
  whoCouldNow,
  whyNotDecide,
} from './statement-view.ts';
import { requireStepUp } from './step-up.ts';
import type { Caller } from './submit.ts';
import { tellOfStatement } from './tell-of-statement.ts';
import { absentFor, forWhom } from './whose-yes.ts';

interface Locked extends OpenStatement {
  /** Policy lets the caller decide by themselves. */
  own: boolean;
  /** Those away for whom the caller may decide. */
  absent: Principal[];
}

/**
 * Every refusal leaves an entry. Errors: `unknown-statement`, `may-not-approve`, `stage-not-open`, `statement-decided`,
 * `request-changed`, `already-decided`, `handed-out`, `step-up-required`.
 */
export async function approveStatement(
  ctx: GrantsContext,
  caller: Caller,
  id: string,
  digest: string,
): Promise<void> {
  refuseWhileHeldBack(ctx);
  await orNoteRefusal(ctx, caller, { statementId: id }, 'approve', () =>
    ctx.db.transaction().execute(async (trx) => {
      const open = await lock(ctx, trx, caller, id, caller.mfaAgeSeconds);
      if (digest !== open.row.digest) throw requestChanged();
      requireStepUp(ctx, caller, open.request.obligations as Obligations);
      const given = await votesOn(trx, open.row);
      const { principal: approver, sourceAddress, mfaAgeSeconds, handedBy = [] } = caller;
      const { own, absent, counting, requester } = open;
      const giver = { approver, own, absent };
      const onBehalfOf = forWhom(ctx.policies.current(), { ...counting, given }, giver, 'statement');
      const asking = open.request.handed_by;
      await refuseHandedVoice(trx, { asking, requester, before: given }, { caller, onBehalfOf });
      const before = whoCouldNow(await decidersOf(ctx, trx, open));
      const circumstances: Circumstances = {
        sourceIp: sourceAddress,
        nowMs: counting.facts.context.nowMs,
        mfaAgeSeconds,
        ...(handedBy.length === 0 ? {} : { handedBy: [...handedBy] }),
        ...(onBehalfOf === null ? {} : { onBehalfOf: onBehalfOf.id }),
      };
      await trx
        .insertInto('statement_approvals')
        .values({
          statement_id: id,
          principal_id: approver.id,
          digest,
          circumstances: JSON.stringify(circumstances),
        })
        .execute();
      const after = await decidersOf(ctx, trx, open);
      const { met } = after.counted;
      if (met) await decide(trx, id, { state: 'approved' });
      else
        await tellOfStatement(
          trx,
          open,
          [...whoCouldNow(after)].filter((one) => !before.has(one)),
        );
      await note(trx, caller, open, 'statement.approved', { complete: met, ...forWho(onBehalfOf) });
    }),
  );
}

/** One person who may approve is enough to say no. Errors: as `approveStatement`. */
export async function denyStatement(
  ctx: GrantsContext,
  caller: Caller,
  id: string,
  reason: string,
): Promise<void> {
  await orNoteRefusal(ctx, caller, { statementId: id }, 'deny', () =>
    ctx.db.transaction().execute(async (trx) => {
      // Whoever may say yes with a passkey may say no without it.
      const open = await lock(ctx, trx, caller, id, 0);
      const onBehalfOf = open.own ? null : (open.absent[0] ?? null);
      await decide(trx, id, { state: 'denied', reason, decided_by: caller.principal.id, ...FORGOTTEN });
      await note(trx, caller, open, 'statement.denied', { reason, ...forWho(onBehalfOf) });
    }),
  );
}

const forWho = (absent: Principal | null) => (absent === null ? {} : { onBehalfOf: absent.name });

async function lock(
  ctx: GrantsContext,
  trx: Trx,
  caller: Caller,
  id: string,
  mfaAgeSeconds: number | null,
): Promise<Locked> {
  await trx.selectFrom('statement_requests').select('id').where('id', '=', id).forUpdate().execute();
  const open = await loadStatement(trx, id);
  if (open === null) throw notFound('statement', id);
  const asking = { ...caller, mfaAgeSeconds };
  const why = whyNotDecide(ctx, asking, open);
  const policies = ctx.policies.current();
  const absent = await absentFor(policies, trx, asking, open.requester, open.counting.facts);
  if (why !== null && absent.length === 0) {
    if (!sees(ctx, caller, open)) throw notFound('statement', id);
    throw new Failure('denied', 'may-not-approve', why);
  }
  if (open.row.state !== 'waiting' || open.late)
    throw conflict('statement-decided', 'This statement does not wait any more.', {
      facts: { state: open.row.state },
    });
  return { ...open, own: why === null, absent };
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
  await settleNotices(trx, 'statement', id);
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
