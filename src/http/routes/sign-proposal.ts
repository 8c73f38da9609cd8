// The second signature, by somebody else than the proposer, on the digest that they were shown.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { changeAnswer, signBody } from '../../api/policy-changes.ts';
import { idText } from '../../api/text.ts';
import { changeAnswer as answerFor } from '../../proposals/proposal-view.ts';
import { sign } from '../../proposals/sign.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function signProposal(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/policy/proposals/:id/sign',
    { summary: 'Sign a change of policy', params, body: signBody, answer: changeAnswer },
    async ({ params: { id }, body: { digest }, caller }) => {
      const { sole } = await sign(ctx.grants, caller, id, digest);
      return answerFor(ctx.grants, caller, id, sole);
    },
  );
}
