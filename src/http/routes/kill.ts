// Presses a kill switch. The answer comes at once; how far it is, GET tells.

import type { FastifyInstance } from 'fastify';
import { kill, killBody } from '../../api/kills.ts';
import { killSwitch } from '../../grants/kill.ts';
import { viewKill } from '../../grants/kill-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function kills(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/kills',
    {
      summary: 'Stop a person, a target, a segment or everything',
      body: killBody,
      answer: kill,
      status: 201,
    },
    async ({ body, caller }) => viewKill(ctx.grants, caller, await killSwitch(ctx.grants, caller, body)),
  );
}
