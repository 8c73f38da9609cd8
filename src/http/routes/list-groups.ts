// Every group, with its members, what being in it gives and what names it.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { group } from '../../api/people-changes.ts';
import { listGroups } from '../../people/groups.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getGroups(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/groups',
    { summary: 'Groups', answer: z.object({ items: z.array(group) }) },
    async () => ({ items: await listGroups(ctx.grants) }),
  );
}
