// Early return; with `wait`, answers when the target has said that it is over.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { grant } from '../../api/grants.ts';
import { waitQuery } from '../../api/requests.ts';
import { idText } from '../../api/text.ts';
import { returnGrant } from '../../grants/finish.ts';
import { viewGrant } from '../../grants/grant-view.ts';
import { waitForEnd } from '../../grants/wait.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function returnGrants(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/grants/:id/done',
    { summary: 'Give a grant back', params, query: waitQuery, answer: grant },
    async ({ params: { id }, query, caller, gone }) => {
      await returnGrant(ctx.grants, caller, id);
      ctx.worker.kick(id);
      if (query.wait > 0) await waitForEnd(ctx.grants, id, query.wait, gone);
      return viewGrant(ctx.grants, caller, id);
    },
  );
}
