// Every target, with what can be asked for on it.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { target } from '../../api/targets.ts';
import { listTargets } from '../../grants/target-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getTargets(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/targets',
    { summary: 'Targets', answer: z.object({ items: z.array(target) }) },
    async () => ({ items: await listTargets(ctx.grants) }),
  );
}
