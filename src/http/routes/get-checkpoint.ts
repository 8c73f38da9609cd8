// The newest signed checkpoint of the log.

import type { FastifyInstance } from 'fastify';
import { checkpoint } from '../../api/audit.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getCheckpoint(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/audit/checkpoint',
    { summary: 'The newest checkpoint', answer: checkpoint },
    async () => ctx.audit.latestCheckpoint(),
  );
}
