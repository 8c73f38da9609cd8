// The verdict on a use of break-glass, once, by somebody else.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { review, reviewBody } from '../../api/break-glass.ts';
import { idText } from '../../api/text.ts';
import { decideReview } from '../../break-glass/reviews.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function decideReviews(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/reviews/:id/verdict',
    { summary: 'Decide a review', params: z.object({ id: idText }), body: reviewBody, answer: review },
    async ({ params: { id }, body, caller }) => decideReview(ctx.grants, caller, id, body),
  );
}
