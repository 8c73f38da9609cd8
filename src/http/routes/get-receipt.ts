// What was asked, used, left unused and left behind.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { receipt } from '../../api/grants.ts';
import { idText } from '../../api/text.ts';
import { viewGrant } from '../../grants/grant-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function getReceipt(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/grants/:id/receipt',
    { summary: 'The receipt of a grant', params, answer: receipt },
    async ({ params: { id }, caller }) => {
      await viewGrant(ctx.grants, caller, id);
      return ctx.insight.receipt(id);
    },
  );
}
