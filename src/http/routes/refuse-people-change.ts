// One person is enough to say no to a change of people; its proposer takes it back in the same way.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { revokeBody } from '../../api/grants.ts';
import { peopleChange } from '../../api/people-changes.ts';
import { idText } from '../../api/text.ts';
import { refuseChange } from '../../people/confirm-change.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function refusePeopleChanges(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/people-changes/:id/refuse',
    { summary: 'Refuse a change of people', params, body: revokeBody, answer: peopleChange },
    async ({ params: { id }, body: { reason }, caller }) => refuseChange(ctx.grants, id, reason, caller),
  );
}
