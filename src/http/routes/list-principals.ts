// Everyone whom Sallyport knows, with their groups.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { principal } from '../../api/people.ts';
import { listPrincipals } from '../../identity/principal-view.ts';
import { type HttpContext, providerOf } from '../context.ts';
import { route } from '../route.ts';

export function getPrincipals(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/principals',
    { summary: 'Principals', answer: z.object({ items: z.array(principal) }) },
    async () => ({ items: await listPrincipals(ctx.grants.db, providerOf(ctx)) }),
  );
}
