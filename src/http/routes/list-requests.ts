// Requests that the caller may see, newest first.

import type { FastifyInstance } from 'fastify';
import { request, requestQuery } from '../../api/requests.ts';
import { pageOf } from '../../api/text.ts';
import { listRequests } from '../../grants/request-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getRequests(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/requests',
    { summary: 'Requests', query: requestQuery, answer: pageOf(request) },
    async ({ query, caller }) => listRequests(ctx.grants, caller, query),
  );
}
