// What was refused leaves an entry too: somebody who tries to approve what they may not is worth a look. The refusal
// itself has rolled back, so the entry is a transaction of its own.

import { append } from '../audit/append.ts';
import { conflict, Failure } from '../base/errors.ts';
import type { Trx } from '../db/client.ts';
import { actorOf } from '../identity/principals.ts';
import type { GrantsContext } from './context.ts';
import type { Caller } from './submit.ts';

/** Said to whoever comes late, which stands in the log already, or comes again with a passkey. */
const ONLY_LATE =
  /^(already-decided|request-(approved|denied|cancelled|expired)|statement-decided|step-up-required)$/;

/** A request, or one statement that waits. */
type About = { requestId: string } | { statementId: string };

/** Does `act`; when that is refused for something that exists, notes who tried, and refuses. */
export async function orNoteRefusal<T>(
  ctx: Pick<GrantsContext, 'db'>,
  caller: Caller,
  about: About,
  verdict: 'approve' | 'deny',
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof Failure && error.kind !== 'invalid' && !ONLY_LATE.test(error.code)) {
      await noteRefusal(ctx, caller, about, { verdict, code: error.code, message: error.message });
    }
    throw error;
  }
}

async function noteRefusal(
  ctx: Pick<GrantsContext, 'db'>,
  caller: Caller,
  about: About,
  detail: { verdict: string; code: string; message: string },
): Promise<void> {
  await ctx.db.transaction().execute(async (trx) => {
    const found = await whereIs(trx, about);
    if (found === undefined) return;
    const { requestId, targetId, grantId, sessionId, statement } = found;
    await append(trx, {
      kind: 'approval.refused',
      actor: actorOf(caller.principal),
      requestId,
      targetId,
      ...(statement === undefined ? {} : { grantId, sessionId }),
      sourceAddress: caller.sourceAddress,
      detail: { ...(statement === undefined ? {} : { statement }), ...detail },
    });
  });
}

interface Place {
  requestId: string;
  targetId: string;
  grantId?: string;
  sessionId?: string;
  statement?: string;
}

async function whereIs(trx: Trx, about: About): Promise<Place | undefined> {
  if ('requestId' in about)
    return trx
      .selectFrom('requests')
      .select(['id as requestId', 'target_id as targetId'])
      .where('id', '=', about.requestId)
      .executeTakeFirst();
  return trx
    .selectFrom('statement_requests as t')
    .innerJoin('sessions as s', 's.id', 't.session_id')
    .innerJoin('grants as g', 'g.id', 's.grant_id')
    .select(['g.request_id as requestId', 's.target_id as targetId', 's.grant_id as grantId'])
    .select(['s.id as sessionId', 't.id as statement'])
    .where('t.id', '=', about.statementId)
    .executeTakeFirst();
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
