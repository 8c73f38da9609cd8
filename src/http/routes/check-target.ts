// Asks a target what works and what is missing, with the SQL that mends it.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { checkReport } from '../../api/targets.ts';
import { nameText } from '../../api/text.ts';
import { actorOf } from '../../identity/principals.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const CHECK_TIMEOUT_MS = 20_000;
const params = z.object({ name: nameText });

export function checkTarget(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/targets/:name/check',
    { summary: 'Check a target', params, answer: checkReport },
    async ({ params: { name }, caller, gone }) =>
      ctx.grants.targets.check(
        await ctx.grants.targets.byName(name),
        actorOf(caller.principal),
        AbortSignal.any([gone, AbortSignal.timeout(CHECK_TIMEOUT_MS)]),
        caller.sourceAddress,
      ),
  );
}
