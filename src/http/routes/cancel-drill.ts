// Takes back a drill that nobody has begun.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { drill } from '../../api/break-glass.ts';
import { idText } from '../../api/text.ts';
import { cancelDrill } from '../../break-glass/drills.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function cancelDrills(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/drills/:id/cancel',
    { summary: 'Cancel a break-glass drill', params: z.object({ id: idText }), answer: drill },
    async ({ params: { id }, caller }) => cancelDrill(ctx.grants, caller, id),
  );
}
