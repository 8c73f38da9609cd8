// Ends one live session, in whichever process it runs; the grant stays.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { revokeBody } from '../../api/grants.ts';
import { session } from '../../api/sessions.ts';
import { idText } from '../../api/text.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function endSession(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/sessions/:id/end',
    { summary: 'End a session', params, body: revokeBody, answer: session },
    async ({ params: { id }, body, caller }) => ctx.sessions.end(caller, id, body.reason),
  );
}
