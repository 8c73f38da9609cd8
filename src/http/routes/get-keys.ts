// Which keys are in use, and how far a rotation is.

import type { FastifyInstance } from 'fastify';
import { keysAnswer } from '../../api/keys.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getKeys(app: FastifyInstance, ctx: HttpContext): void {
  route(app, ctx, 'GET /api/keys', { summary: 'Show keys', answer: keysAnswer }, async () =>
    ctx.keys.status(),
  );
}
