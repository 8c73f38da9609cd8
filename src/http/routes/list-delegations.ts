// Who stands in for whom: one's own; all for who administers or audits.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { delegation } from '../../api/duty.ts';
import { seesEverything } from '../../grants/platform-rights.ts';
import { listDelegations } from '../../identity/delegations.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getDelegations(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/delegations',
    { summary: 'Delegations, running and to come', answer: z.object({ items: z.array(delegation) }) },
    async ({ caller }) => ({
      items: await listDelegations(ctx.grants.db, caller.principal, seesEverything(ctx.grants, caller)),
    }),
  );
}
