// Privileges that exist on a target outside any grant.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { standingAccess } from '../../api/targets.ts';
import { nameText } from '../../api/text.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const INVENTORY_TIMEOUT_MS = 20_000;
const params = z.object({ name: nameText });

export function listStandingAccess(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/targets/:name/standing-access',
    { summary: 'Standing access on a target', params, answer: z.object({ items: z.array(standingAccess) }) },
    async ({ params: { name }, gone }) => {
      const row = await ctx.grants.targets.byName(name);
      const client = await ctx.grants.targets.open(row.id);
      return {
        items: await client.inventory(AbortSignal.any([gone, AbortSignal.timeout(INVENTORY_TIMEOUT_MS)])),
      };
    },
  );
}
