// Changes a key while everything runs.

import type { FastifyInstance } from 'fastify';
import { keysAnswer, rotateKeyBody } from '../../api/keys.ts';
import { actorOf } from '../../identity/principals.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function rotateKeys(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/keys/rotate',
    { summary: 'Rotate a key', body: rotateKeyBody, answer: keysAnswer },
    async ({ body, caller }) =>
      ctx.keys.rotate(body.what, { actor: actorOf(caller.principal), sourceAddress: caller.sourceAddress }),
  );
}
