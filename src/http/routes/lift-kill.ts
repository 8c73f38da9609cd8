// Lifts a kill switch: new requests are possible again, what it ended stays ended.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { kill, liftBody } from '../../api/kills.ts';
import { idText } from '../../api/text.ts';
import { liftKill } from '../../grants/kill.ts';
import { viewKill } from '../../grants/kill-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function liftKills(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/kills/:id/lift',
    { summary: 'Lift a kill switch', params: z.object({ id: idText }), body: liftBody, answer: kill },
    async ({ params: { id }, body, caller }) => {
      await liftKill(ctx.grants, caller, id, body.reason);
      return viewKill(ctx.grants, caller, id);
    },
  );
}
