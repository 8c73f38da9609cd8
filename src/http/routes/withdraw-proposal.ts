// A change of policy is taken back by whoever proposed it.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { changeAnswer } from '../../api/policy-changes.ts';
import { idText } from '../../api/text.ts';
import { withdraw } from '../../proposals/close.ts';
import { changeAnswer as answerFor } from '../../proposals/proposal-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function withdrawProposal(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/policy/proposals/:id/withdraw',
    { summary: 'Withdraw a change of policy', params, answer: changeAnswer },
    async ({ params: { id }, caller }) => {
      await withdraw(ctx.grants, caller, id);
      return answerFor(ctx.grants, caller, id);
    },
  );
}
