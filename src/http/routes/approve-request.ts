// One approval. The grant begins when the last one that policy asks for is given.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { approveBody, submitted } from '../../api/requests.ts';
import { idText } from '../../api/text.ts';
import { approve } from '../../grants/approve.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { requestAndGrant } from './get-request.ts';

const params = z.object({ id: idText });

export function approveRequest(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/requests/:id/approve',
    { summary: 'Approve a request', params, body: approveBody, answer: submitted },
    async ({ params: { id }, body, caller }) => {
      const { grantId } = await approve(ctx.grants, caller, id, body);
      if (grantId !== null) ctx.worker.kick(grantId);
      return requestAndGrant(ctx, caller, id);
    },
  );
}
