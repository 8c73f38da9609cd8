// Changes of people that wait for a second person, and those of before.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { peopleChange } from '../../api/people-changes.ts';
import { listChanges } from '../../people/change-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getPeopleChanges(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/people-changes',
    { summary: 'Changes of people', answer: z.object({ items: z.array(peopleChange) }) },
    async ({ caller }) => ({ items: await listChanges(ctx.grants, caller) }),
  );
}
