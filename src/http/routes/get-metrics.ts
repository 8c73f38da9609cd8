// The same counts for Prometheus.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8';

export function getMetrics(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /metrics',
    { summary: 'Metrics for Prometheus', answer: z.null(), contentType: 'text/plain' },
    async ({ reply }) => {
      const text = await ctx.insight.metrics();
      return reply.type(TEXT_FORMAT).serializer(String).send(text);
    },
  );
}
