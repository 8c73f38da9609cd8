// Sessions that the caller may see, newest first.

import type { FastifyInstance } from 'fastify';
import { session, sessionQuery } from '../../api/sessions.ts';
import { pageOf } from '../../api/text.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getSessions(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/sessions',
    { summary: 'Sessions', query: sessionQuery, answer: pageOf(session) },
    async ({ query, caller }) => ctx.sessions.list(caller, query),
  );
}
