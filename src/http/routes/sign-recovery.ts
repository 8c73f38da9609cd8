// A person says that this store is the one, and that it goes on.

import type { FastifyInstance } from 'fastify';
import { recoveryAnswer, signRecoveryBody } from '../../api/recovery.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function signRecoveries(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/recovery',
    { summary: 'Sign that this store goes on', body: signRecoveryBody, answer: recoveryAnswer },
    async ({ body, caller }) => ctx.recovery.sign(caller, body),
  );
}
