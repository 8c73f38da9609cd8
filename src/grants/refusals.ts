// What was refused leaves an entry too: somebody who tries to approve what they may not is worth a look. The refusal
// itself has rolled back, so the entry is a transaction of its own.

import { append } from '../audit/append.ts';
import { conflict, Failure } from '../base/errors.ts';
import { actorOf } from '../identity/principals.ts';
import type { GrantsContext } from './context.ts';
import type { Caller } from './submit.ts';

/** Said to whoever comes late, which stands in the log already, or comes again with a passkey. */
const ONLY_LATE = /^(already-decided|request-(approved|denied|cancelled|expired)|step-up-required)$/;

/** Does `act`; when that is refused for a request that exists, notes who tried, and refuses. */
export async function orNoteRefusal<T>(
  ctx: Pick<GrantsContext, 'db'>,
  caller: Caller,
  requestId: string,
  verdict: 'approve' | 'deny',
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof Failure && error.kind !== 'invalid' && !ONLY_LATE.test(error.code)) {
      await noteRefusal(ctx, caller, requestId, { verdict, code: error.code, message: error.message });
    }
    throw error;
  }
}

async function noteRefusal(
  ctx: Pick<GrantsContext, 'db'>,
  caller: Caller,
  requestId: string,
  detail: { verdict: string; code: string; message: string },
): Promise<void> {
  await ctx.db.transaction().execute(async (trx) => {
    const row = await trx
      .selectFrom('requests')
      .select('target_id')
      .where('id', '=', requestId)
      .executeTakeFirst();
    if (row === undefined) return;
    await append(trx, {
      kind: 'approval.refused',
      actor: actorOf(caller.principal),
      requestId,
      targetId: row.target_id,
      sourceAddress: caller.sourceAddress,
      detail,
    });
  });
}

export function requestChanged(): Failure {
  return conflict(
    'request-changed',
    'What was asked for, or what the task means, has changed since you looked.',
    {
      hint: 'It has to be requested again.',
    },
  );
}
