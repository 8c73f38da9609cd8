// One person who may change policy is enough to say no to a change.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { changeAnswer, refuseBody } from '../../api/policy-changes.ts';
import { idText } from '../../api/text.ts';
import { refuse } from '../../proposals/close.ts';
import { changeAnswer as answerFor } from '../../proposals/proposal-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function refuseProposal(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/policy/proposals/:id/refuse',
    { summary: 'Refuse a change of policy', params, body: refuseBody, answer: changeAnswer },
    async ({ params: { id }, body: { reason }, caller }) => {
      await refuse(ctx.grants, caller, id, reason);
      return answerFor(ctx.grants, caller, id);
    },
  );
}
