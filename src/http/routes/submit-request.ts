// Asks for a privilege. A refusal by policy is an answer, not an error: it is stored and explained.

import type { FastifyInstance } from 'fastify';
import { submitBody, submitted, waitQuery } from '../../api/requests.ts';
import { submit } from '../../grants/submit.ts';
import { waitForAccess } from '../../grants/wait.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { submittedOf } from './get-request.ts';

export function submitRequest(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/requests',
    { summary: 'Request a privilege', body: submitBody, query: waitQuery, answer: submitted, status: 201 },
    async ({ body, query, caller, gone }) => {
      const { requestId, grantId } = await submit(ctx.grants, caller, body);
      if (grantId !== null) ctx.worker.kick(grantId);
      if (query.wait > 0) await waitForAccess(ctx.grants, requestId, query.wait, gone);
      return submittedOf(ctx, caller, requestId);
    },
  );
}
