// Which group owns a segment, and so may propose changes to its pack.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { packOwnerBody, policyPack } from '../../api/policy-plan.ts';
import { listPacks, setSegmentOwner } from '../../proposals/packs.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function setPackOwner(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/policy/packs',
    {
      summary: 'Give a segment an owner',
      body: packOwnerBody,
      answer: z.object({ items: z.array(policyPack) }),
    },
    async ({ body, caller }) => {
      await setSegmentOwner(ctx.grants, caller, body);
      return { items: await listPacks(ctx.grants, caller) };
    },
  );
}
