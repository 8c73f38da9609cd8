// The second person agrees to a change of people, and it is made.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { changedPrincipal } from '../../api/people-changes.ts';
import { idText } from '../../api/text.ts';
import { confirmChange } from '../../people/confirm-change.ts';
import { type HttpContext, providerOf } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function confirmPeopleChanges(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/people-changes/:id/confirm',
    { summary: 'Confirm a change of people', params, answer: changedPrincipal },
    async ({ params: { id }, caller }) => confirmChange(ctx.grants, providerOf(ctx), id, caller),
  );
}
