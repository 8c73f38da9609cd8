// Packs of policies, with the groups that own them.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { policyPack } from '../../api/policy-plan.ts';
import { listPacks } from '../../proposals/packs.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getPacks(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/policy/packs',
    { summary: 'Policy packs and their owners', answer: z.object({ items: z.array(policyPack) }) },
    async ({ caller }) => ({ items: await listPacks(ctx.grants, caller) }),
  );
}
