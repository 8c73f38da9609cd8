// How privileges are asked for, given and used. Who may audit sees everyone, others themselves.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { insights } from '../../api/insights.ts';
import { seesEverything } from '../../grants/platform-rights.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const query = z.object({ days: z.coerce.number().int().min(1).max(365).default(30) });

export function getInsights(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/insights',
    { summary: 'Insights', query, answer: insights },
    async ({ query: { days }, caller }) =>
      ctx.insight.summary(days, seesEverything(ctx.grants, caller) ? null : caller.principal.id),
  );
}
