// Who is on call, now and later.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { shift } from '../../api/duty.ts';
import { listShifts } from '../../identity/on-call.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getShifts(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/on-call',
    { summary: 'Shifts on call, now and to come', answer: z.object({ items: z.array(shift) }) },
    async () => ({ items: await listShifts(ctx.grants.db) }),
  );
}
