// Takes a grant away; with `wait`, answers when the target has said that it is over.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { grant, revokeBody } from '../../api/grants.ts';
import { waitQuery } from '../../api/requests.ts';
import { idText } from '../../api/text.ts';
import { revokeGrant } from '../../grants/finish.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { grantAfterEnd } from './return-grant.ts';

const params = z.object({ id: idText });

export function revokeGrants(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/grants/:id/revoke',
    { summary: 'Revoke a grant', params, query: waitQuery, body: revokeBody, answer: grant },
    async ({ params: { id }, query, body, caller, gone }) => {
      const ended = await revokeGrant(ctx.grants, caller, id, body.reason);
      const step = ended === null ? null : ctx.worker.take(ended);
      return grantAfterEnd(ctx, caller, id, { seconds: query.wait, signal: gone, step });
    },
  );
}
