// Says no, with a reason that the requester reads.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { denyBody, submitted } from '../../api/requests.ts';
import { idText } from '../../api/text.ts';
import { deny } from '../../grants/approve.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { requestAndGrant } from './get-request.ts';

const params = z.object({ id: idText });

export function denyRequest(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/requests/:id/deny',
    { summary: 'Deny a request', params, body: denyBody, answer: submitted },
    async ({ params: { id }, body, caller }) => {
      await deny(ctx.grants, caller, id, body.reason);
      return requestAndGrant(ctx, caller, id);
    },
  );
}
