// More time in place; open sessions go on.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { extendBody, grant } from '../../api/grants.ts';
import { idText } from '../../api/text.ts';
import { extendGrant } from '../../grants/extend.ts';
import { viewGrant } from '../../grants/grant-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function extendGrants(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/grants/:id/extend',
    { summary: 'Extend a grant', params, body: extendBody, answer: grant },
    async ({ params: { id }, body, caller }) => {
      await extendGrant(ctx.grants, caller, id, body);
      return viewGrant(ctx.grants, caller, id);
    },
  );
}
