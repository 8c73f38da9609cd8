// Every set of policies that was in force, newest first, with who signed it.

import type { FastifyInstance } from 'fastify';
import { publishedSet } from '../../api/policy-changes.ts';
import { pageOf, pageQuery } from '../../api/text.ts';
import { policyHistory } from '../../proposals/proposal-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getPolicyHistory(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/policy/history',
    { summary: 'Policies that were in force', query: pageQuery, answer: pageOf(publishedSet) },
    async ({ query }) => policyHistory(ctx.grants, query),
  );
}
