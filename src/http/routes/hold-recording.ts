// A hold on a session's recording, and its end: while it lasts, the recording is not removed.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { revokeBody } from '../../api/grants.ts';
import { session } from '../../api/sessions.ts';
import { idText } from '../../api/text.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function holdRecordings(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/sessions/:id/hold',
    { summary: "Hold a session's recording", params, body: revokeBody, answer: session },
    async ({ params: { id }, body, caller }) => ctx.sessions.hold(caller, id, body.reason),
  );
  route(
    app,
    ctx,
    'POST /api/sessions/:id/release',
    { summary: "Release a session's recording", params, body: revokeBody, answer: session },
    async ({ params: { id }, body, caller }) => ctx.sessions.release(caller, id, body.reason),
  );
}
