// Back before the end, or taken back.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { delegation } from '../../api/duty.ts';
import { idText } from '../../api/text.ts';
import { mayAdminister } from '../../grants/platform-rights.ts';
import { endDelegation } from '../../identity/delegations.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function endDelegations(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/delegations/:id/end',
    { summary: 'End a delegation', params, answer: delegation },
    async ({ params: { id }, caller }) =>
      endDelegation(ctx.grants.db, id, caller, mayAdminister(ctx.grants, caller)),
  );
}
