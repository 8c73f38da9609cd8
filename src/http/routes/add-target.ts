// Connects a target. It is checked apart, so that a target that is down can be added too.

import type { FastifyInstance } from 'fastify';
import { addTargetBody, target } from '../../api/targets.ts';
import { viewTarget } from '../../grants/target-view.ts';
import { actorOf } from '../../identity/principals.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function addTarget(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/targets',
    { summary: 'Add a target', body: addTargetBody, answer: target, status: 201 },
    async ({ body, caller }) =>
      viewTarget(
        ctx.grants,
        await ctx.grants.targets.add(body, actorOf(caller.principal), caller.sourceAddress),
      ),
  );
}
