// A stand-in for one's own approvals.

import type { FastifyInstance } from 'fastify';
import { delegateBody, delegation } from '../../api/duty.ts';
import { delegate } from '../../identity/delegations.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function delegateApprovals(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/delegations',
    { summary: 'Name a stand-in', body: delegateBody, answer: delegation, status: 201 },
    async ({ body, caller }) => delegate(ctx.grants.db, body, caller),
  );
}
