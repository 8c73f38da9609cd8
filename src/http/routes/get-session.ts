// One session with a page of its statements, read from its recording; and what it did, in numbers.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { sessionDetail, sessionMeasures } from '../../api/sessions.ts';
import { idText, pageQuery } from '../../api/text.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function getSession(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/sessions/:id',
    { summary: 'One session with its statements', params, query: pageQuery, answer: sessionDetail },
    async ({ params: { id }, query, caller }) => ctx.sessions.detail(caller, id, query),
  );
  route(
    app,
    ctx,
    'GET /api/sessions/:id/measures',
    { summary: 'What a session that has ended did, by verb and object', params, answer: sessionMeasures },
    async ({ params: { id }, caller }) => ctx.sessions.measures(caller, id),
  );
}
