// One grant.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { grant } from '../../api/grants.ts';
import { idText } from '../../api/text.ts';
import { viewGrant } from '../../grants/grant-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function getGrant(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/grants/:id',
    { summary: 'One grant', params, answer: grant },
    async ({ params: { id }, caller }) => viewGrant(ctx.grants, caller, id),
  );
}
