// Drills of break-glass and their scores.

import type { FastifyInstance } from 'fastify';
import { drillList } from '../../api/break-glass.ts';
import { listDrills } from '../../break-glass/drills.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getDrills(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/drills',
    { summary: 'List break-glass drills', answer: drillList },
    async ({ caller }) => listDrills(ctx.grants, caller),
  );
}
