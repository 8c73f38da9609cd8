// Every task, with what it may do in words.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { task } from '../../api/targets.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function listTasks(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/tasks',
    { summary: 'Tasks', answer: z.object({ items: z.array(task) }) },
    async () => ({
      items: (await ctx.grants.tasks.list()).map((row) => ctx.grants.tasks.view(row)),
    }),
  );
}
