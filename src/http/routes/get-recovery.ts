// Whether this store stands still, and why.

import type { FastifyInstance } from 'fastify';
import { recoveryAnswer } from '../../api/recovery.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getRecovery(app: FastifyInstance, ctx: HttpContext): void {
  route(app, ctx, 'GET /api/recovery', { summary: 'Show a recovery', answer: recoveryAnswer }, async () =>
    ctx.recovery.read(),
  );
}
