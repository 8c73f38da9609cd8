// Takes a target out; refused while grants live on it.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { removeTargetBody } from '../../api/targets.ts';
import { nameText } from '../../api/text.ts';
import { removeTarget } from '../../grants/remove-target.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function removeTargets(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/targets/:name/remove',
    {
      summary: 'Remove a target',
      params: z.object({ name: nameText }),
      body: removeTargetBody,
      answer: z.null(),
      status: 204,
    },
    async ({ params: { name }, body, caller }) => {
      await removeTarget(ctx.grants, caller, name, body.reason);
      return null;
    },
  );
}
