// One review, with the sessions and openings that it is about.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { review } from '../../api/break-glass.ts';
import { idText } from '../../api/text.ts';
import { viewReview } from '../../break-glass/reviews.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getReview(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/reviews/:id',
    { summary: 'One review of break-glass', params: z.object({ id: idText }), answer: review },
    async ({ params: { id }, caller }) => viewReview(ctx.grants, caller, id),
  );
}
