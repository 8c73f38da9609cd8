// Deletes a group that is kept by hand, while nothing names it.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { groupName } from '../../api/people.ts';
import { group } from '../../api/people-changes.ts';
import { deleteGroup } from '../../people/groups.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ name: groupName });

export function deleteGroups(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/groups/:name/delete',
    { summary: 'Delete a group', params, answer: group },
    async ({ params: { name }, caller }) => deleteGroup(ctx.grants, name, caller),
  );
}
