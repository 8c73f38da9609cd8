// A new group, with nobody in it.

import type { FastifyInstance } from 'fastify';
import { addGroupBody, group } from '../../api/people-changes.ts';
import { addGroup } from '../../people/groups.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function addGroups(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/groups',
    { summary: 'Add a group', body: addGroupBody, answer: group, status: 201 },
    async ({ body: { name }, caller }) => addGroup(ctx.grants, name, caller),
  );
}
