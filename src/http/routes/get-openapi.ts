// The OpenAPI 3.1 document, made from the very schemas that validate.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getOpenapi(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/openapi.json',
    { summary: 'This document', answer: z.null(), contentType: 'application/json' },
    async ({ reply }) => reply.type('application/json').serializer(JSON.stringify).send(app.swagger()),
  );
}
