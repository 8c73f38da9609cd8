// One kill switch, with how many of its grants the targets have confirmed gone.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { kill } from '../../api/kills.ts';
import { idText } from '../../api/text.ts';
import { viewKill } from '../../grants/kill-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getKill(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/kills/:id',
    { summary: 'One kill switch and its progress', params: z.object({ id: idText }), answer: kill },
    async ({ params: { id }, caller }) => viewKill(ctx.grants, caller, id),
  );
}
