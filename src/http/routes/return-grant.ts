// Early return; with `wait`, answers when the target has said that it is over.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type Grant, grant } from '../../api/grants.ts';
import { waitQuery } from '../../api/requests.ts';
import { idText } from '../../api/text.ts';
import { returnGrant } from '../../grants/finish.ts';
import { grantFrom, viewGrant } from '../../grants/grant-view.ts';
import { mayAdminister } from '../../grants/platform-rights.ts';
import type { Caller } from '../../grants/submit.ts';
import { type Patience, waitForEnd } from '../../grants/wait.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function returnGrants(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/grants/:id/done',
    { summary: 'Give a grant back', params, query: waitQuery, answer: grant },
    async ({ params: { id }, query, caller, gone }) => {
      const ended = await returnGrant(ctx.grants, caller, id);
      const step = ended === null ? null : ctx.worker.take(ended);
      return grantAfterEnd(ctx, caller, id, { seconds: query.wait, signal: gone, step });
    },
  );
}

/** The grant as it is when it is over, or when the time is up. Who may end a grant may see it. */
export async function grantAfterEnd(
  ctx: HttpContext,
  caller: Caller,
  grantId: string,
  patience: Patience,
): Promise<Grant> {
  const over = patience.seconds === 0 ? null : await waitForEnd(ctx.grants, grantId, patience);
  return over === null
    ? viewGrant(ctx.grants, caller, grantId)
    : grantFrom(over, caller, () => mayAdminister(ctx.grants, caller));
}
