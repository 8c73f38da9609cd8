// The requester takes a pending request back.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { submitted } from '../../api/requests.ts';
import { idText } from '../../api/text.ts';
import { cancel } from '../../grants/cancel.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { requestAndGrant } from './get-request.ts';

const params = z.object({ id: idText });

export function cancelRequest(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/requests/:id/cancel',
    { summary: 'Cancel a request', params, answer: submitted },
    async ({ params: { id }, caller }) => {
      await cancel(ctx.grants, caller, id);
      return requestAndGrant(ctx, caller, id);
    },
  );
}
