// Is this process alive. Says nothing about the store: a restart would not mend that.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getHealth(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /healthz',
    { summary: 'Liveness', answer: z.object({ ok: z.boolean() }) },
    async () => ({ ok: true }),
  );
}
