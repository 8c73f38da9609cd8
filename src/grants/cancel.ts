// Taking a request back, before it is decided.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import { notFound } from '../base/errors.ts';
import { publish } from '../events/events.ts';
import { actorOf } from '../identity/principals.ts';
import type { GrantsContext } from './context.ts';
import type { Caller } from './submit.ts';
import { nextRequestState } from './transitions.ts';

/** By the requester, while it is pending. Errors: `unknown-request`, `request-<state>`. */
export async function cancel(ctx: GrantsContext, caller: Caller, requestId: string): Promise<void> {
  await ctx.db.transaction().execute(async (trx) => {
    const row = await trx
      .selectFrom('requests')
      .selectAll()
      .where('id', '=', requestId)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined || row.requester_id !== caller.principal.id) throw notFound('request', requestId);
    nextRequestState(row.state, 'cancel');
    await trx
      .updateTable('requests')
      .set({ state: 'cancelled', decided_at: sql`now()` })
      .where('id', '=', requestId)
      .execute();
    await append(trx, {
      kind: 'request.cancelled',
      actor: actorOf(caller.principal),
      requestId,
      targetId: row.target_id,
      sourceAddress: caller.sourceAddress,
      detail: {},
    });
    await publish(trx, { topic: 'requests', id: requestId });
  });
}
