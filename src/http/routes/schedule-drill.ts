// Schedules a drill of break-glass, once or again and again.

import type { FastifyInstance } from 'fastify';
import { drill, scheduleDrillBody } from '../../api/break-glass.ts';
import { scheduleDrill } from '../../break-glass/drills.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function scheduleDrills(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/drills',
    { summary: 'Schedule a break-glass drill', body: scheduleDrillBody, answer: drill, status: 201 },
    async ({ body, caller }) => scheduleDrill(ctx.grants, caller, body),
  );
}
