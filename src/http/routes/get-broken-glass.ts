// What stands on the banner while glass is broken, and how many reviews wait for the reader.

import type { FastifyInstance } from 'fastify';
import { brokenGlassList } from '../../api/break-glass.ts';
import { brokenGlassNow } from '../../break-glass/banner.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getBrokenGlass(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/break-glass',
    { summary: 'Break-glass that is in use now', answer: brokenGlassList },
    async ({ caller }) => brokenGlassNow(ctx.grants, caller),
  );
}
