// Asks a replica to stop, whichever it is; it lets nobody new in, and ends when its sessions are over or their time is.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { drainBody, replica } from '../../api/replicas.ts';
import { nameText } from '../../api/text.ts';
import { actorOf } from '../../identity/principals.ts';
import { askToDrain } from '../../replicas/drain.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function drainReplica(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/replicas/:name/drain',
    {
      summary: 'Ask a replica to stop',
      params: z.object({ name: nameText }),
      body: drainBody,
      answer: replica,
    },
    async ({ params: { name }, body, caller }) =>
      askToDrain(ctx.grants.db, name, body, {
        actor: actorOf(caller.principal),
        sourceAddress: caller.sourceAddress,
      }),
  );
}
