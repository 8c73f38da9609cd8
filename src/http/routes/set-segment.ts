// A segment's time zone, owner and description; it is made where it is missing.

import type { FastifyInstance } from 'fastify';
import { segment, setSegmentBody } from '../../api/targets.ts';
import { actorOf } from '../../identity/principals.ts';
import { setSegment } from '../../targets/segments.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function setSegments(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/segments',
    { summary: 'Set up a segment', body: setSegmentBody, answer: segment },
    async ({ body, caller }) =>
      setSegment(ctx.grants.db, body, {
        actor: actorOf(caller.principal),
        sourceAddress: caller.sourceAddress,
      }),
  );
}
