// Changes of policy, newest first: open ones and what became of the others.

import type { FastifyInstance } from 'fastify';
import { proposal, proposalQuery } from '../../api/policy-changes.ts';
import { pageOf } from '../../api/text.ts';
import { listProposals } from '../../proposals/proposal-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getProposals(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/policy/proposals',
    { summary: 'Proposed policies', query: proposalQuery, answer: pageOf(proposal) },
    async ({ query, caller }) => listProposals(ctx.grants, caller, query),
  );
}
