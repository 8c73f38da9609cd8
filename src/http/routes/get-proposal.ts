// One change of policy, with the texts that it changes.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { proposalDetail } from '../../api/policy-plan.ts';
import { idText } from '../../api/text.ts';
import { viewProposal } from '../../proposals/proposal-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function getProposal(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/policy/proposals/:id',
    { summary: 'One proposed change of policy', params, answer: proposalDetail },
    async ({ params: { id }, caller }) => viewProposal(ctx.grants, caller, id),
  );
}
