// Grants that the caller may see, newest first.

import type { FastifyInstance } from 'fastify';
import { grant, grantQuery } from '../../api/grants.ts';
import { pageOf } from '../../api/text.ts';
import { listGrants } from '../../grants/grant-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getGrants(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/grants',
    { summary: 'Grants', query: grantQuery, answer: pageOf(grant) },
    async ({ query, caller }) => listGrants(ctx.grants, caller, query),
  );
}
