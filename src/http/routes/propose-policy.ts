// A change of policy is proposed: checked whole, stored, and not in force until a second person has signed it.

import type { FastifyInstance } from 'fastify';
import { changeAnswer, LARGEST_POLICY_BODY_BYTES, proposeBody } from '../../api/policy-changes.ts';
import { changeAnswer as answerFor } from '../../proposals/proposal-view.ts';
import { propose } from '../../proposals/propose.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function proposePolicy(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/policy/proposals',
    {
      summary: 'Propose policies',
      body: proposeBody,
      bodyLimitBytes: LARGEST_POLICY_BODY_BYTES,
      answer: changeAnswer,
      status: 201,
    },
    async ({ body, caller }) => answerFor(ctx.grants, caller, await propose(ctx.grants, caller, body)),
  );
}
