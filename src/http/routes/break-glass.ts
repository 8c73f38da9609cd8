// Breaks the glass: a short grant at once, with its review open. With `wait`, answers once the grant is active or over.

import type { FastifyInstance } from 'fastify';
import { breakGlassBody, brokenGlassAnswer } from '../../api/break-glass.ts';
import { waitQuery } from '../../api/requests.ts';
import { viewReview } from '../../break-glass/reviews.ts';
import { breakGlass } from '../../break-glass/use.ts';
import { viewGrant } from '../../grants/grant-view.ts';
import { waitForAccess } from '../../grants/wait.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function breakTheGlass(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/break-glass',
    {
      summary: 'Break the glass: a short grant at once, told to everybody, reviewed afterwards',
      body: breakGlassBody,
      query: waitQuery,
      answer: brokenGlassAnswer,
      status: 201,
    },
    async ({ body, query, caller, gone }) => {
      const done = await breakGlass(ctx.grants, caller, body);
      ctx.worker.kick(done.grantId);
      if (query.wait > 0)
        await waitForAccess(ctx.grants, done.requestId, done.grantId, { seconds: query.wait, signal: gone });
      const [grant, review] = await Promise.all([
        viewGrant(ctx.grants, caller, done.grantId),
        viewReview(ctx.grants, caller, done.reviewId),
      ]);
      return { grant, review };
    },
  );
}
