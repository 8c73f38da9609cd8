// A running session as it happens: answers when there is something newer than what the caller knows.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { sessionLive, watchQuery } from '../../api/sessions.ts';
import { idText } from '../../api/text.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function watchSessions(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/sessions/:id/live',
    { summary: 'Watch a running session', params, query: watchQuery, answer: sessionLive },
    async ({ params: { id }, query, caller, gone }) => ctx.sessions.watch(caller, id, query, gone),
  );
}
