// One request and its grant; with `wait`, answers when it is decided and the grant is active or over.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type Submitted, submitted, waitQuery } from '../../api/requests.ts';
import { idText } from '../../api/text.ts';
import { viewGrantsOfRequest } from '../../grants/grant-view.ts';
import { viewRequest } from '../../grants/request-view.ts';
import type { Caller } from '../../grants/submit.ts';
import { waitForAccess } from '../../grants/wait.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function getRequest(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/requests/:id',
    { summary: 'One request, and its grant', params, query: waitQuery, answer: submitted },
    async ({ params: { id }, query, caller, gone }) => {
      if (query.wait > 0) {
        await viewRequest(ctx.grants, caller, id);
        await waitForAccess(ctx.grants, id, null, { seconds: query.wait, signal: gone });
      }
      return requestAndGrant(ctx, caller, id, true);
    },
  );
}

/** `seen` notes that an approver has looked at the card. */
export async function requestAndGrant(
  ctx: HttpContext,
  caller: Caller,
  id: string,
  seen = false,
): Promise<Submitted> {
  const [request, grants] = await Promise.all([
    viewRequest(ctx.grants, caller, id, seen),
    viewGrantsOfRequest(ctx.grants, caller, id),
  ]);
  const grant = grants[0] ?? null;
  return request.members.length === 0 ? { request, grant } : { request, grant, grants };
}
