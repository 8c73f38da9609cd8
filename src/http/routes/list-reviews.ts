// Reviews of break-glass: all for who audits or administers; else one's own uses, and those that one was told of.

import type { FastifyInstance } from 'fastify';
import { reviewPage, reviewQuery } from '../../api/break-glass.ts';
import { listReviews } from '../../break-glass/reviews.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getReviews(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/reviews',
    { summary: 'List reviews of break-glass', query: reviewQuery, answer: reviewPage },
    async ({ query, caller }) => listReviews(ctx.grants, caller, query),
  );
}
