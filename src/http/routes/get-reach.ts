// Who can reach what at or below a segment, as policy says now.

import type { FastifyInstance } from 'fastify';
import { reach, reachQuery } from '../../api/segments.ts';
import { reachBelow } from '../../grants/reach.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getReach(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/segments/reach',
    { summary: 'Who reaches what below a segment', query: reachQuery, answer: reach },
    async ({ query, caller }) => reachBelow(ctx.grants, caller, query.segment),
  );
}
