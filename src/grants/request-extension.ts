// An extension that needs approval is a request like any other, for the whole length: the same card, the same quorum,
// bound to the grant that it lengthens. One is pending at a time, and it lapses with the grant.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import { conflict } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { publish } from '../events/events.ts';
import { actorOf } from '../identity/principals.ts';
import { decideExtension } from '../policy/engine/extension.ts';
import type { Decided, DecisionFacts } from '../policy/engine/facts.ts';
import { storeDecision } from '../policy/publish.ts';
import type { GrantsContext } from './context.ts';
import { type Asked, type Circumstances, requestDigest } from './facts.ts';
import type { GrantRow } from './lease.ts';
import type { Caller } from './submit.ts';

interface Wanted {
  row: GrantRow & { ticket: string | null };
  asked: Asked;
  circumstances: Circumstances;
  decided: Decided;
  facts: DecisionFacts;
}

/** The new request's id. Errors: `extension-pending`. */
export async function requestExtension(ctx: GrantsContext, caller: Caller, wanted: Wanted): Promise<string> {
  const { row, asked, circumstances, decided, facts } = wanted;
  const id = newId('request');
  const policies = ctx.policies.current();
  return ctx.db.transaction().execute(async (trx) => {
    const made = await trx
      .insertInto('requests')
      .values({
        id,
        requester_id: caller.principal.id,
        target_id: row.target_id,
        task_id: row.task_id,
        duration_s: circumstances.durationSeconds,
        reason: circumstances.reason ?? '',
        ticket: row.ticket,
        source_address: caller.sourceAddress,
        mfa_age_s: caller.mfaAgeSeconds,
        handed_by: [...(caller.handedBy ?? [])],
        extends_grant: row.id,
        digest: requestDigest({
          requesterId: caller.principal.id,
          asked,
          circumstances,
          extendsGrant: row.id,
        }),
        state: 'pending',
        outcome: decided.outcome,
        reasons: JSON.stringify(decided.reasons),
        obligations: JSON.stringify(decided.obligations),
        expires_at: sql<Date>`least(${row.expires_at}::timestamptz, now() + make_interval(secs => ${ctx.pendingLifetimeSeconds}))`,
      })
      .onConflict((oc) =>
        oc
          .column('extends_grant')
          .where('state', '=', 'pending')
          .where('extends_grant', 'is not', null)
          .doNothing(),
      )
      .returning('id')
      .executeTakeFirst();
    if (made === undefined)
      throw conflict('extension-pending', 'More time is asked for already, and waits for approval.', {
        hint: 'See `sally requests --state pending`; take it back with `sally cancel` to ask for something else.',
      });
    await storeDecision(trx, {
      requestId: id,
      grantId: row.id,
      action: 'extend',
      policyDigest: policies.digest,
      facts,
      decided: decideExtension(policies, facts).asRequest,
    });
    await append(trx, {
      kind: 'request.submitted',
      actor: actorOf(caller.principal),
      requestId: id,
      grantId: row.id,
      targetId: row.target_id,
      sourceAddress: caller.sourceAddress,
      policyDigest: policies.digest,
      detail: {
        target: asked.target.name,
        segment: asked.target.segment,
        task: asked.task.name,
        extends: row.id,
        durationSeconds: circumstances.durationSeconds,
        reason: circumstances.reason,
        ticket: row.ticket,
        outcome: decided.outcome,
        reasons: decided.reasons,
        obligations: decided.obligations,
      },
    });
    await publish(trx, { topic: 'requests', id });
    await publish(trx, { topic: 'grants', id: row.id });
    return id;
  });
}
