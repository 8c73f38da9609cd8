// A new task; its kind checks the entitlement.

import type { FastifyInstance } from 'fastify';
import { addTaskBody, task } from '../../api/targets.ts';
import { actorOf } from '../../identity/principals.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function addTask(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/tasks',
    { summary: 'Add a task', body: addTaskBody, answer: task, status: 201 },
    async ({ body, caller }) =>
      ctx.grants.tasks.view(
        await ctx.grants.tasks.add(body, actorOf(caller.principal), { sourceAddress: caller.sourceAddress }),
      ),
  );
}
