// Who is signed in, and what they may do with Sallyport itself.

import type { FastifyInstance } from 'fastify';
import { type Me, me } from '../../api/people.ts';
import { type Principal, refOf } from '../../identity/principals.ts';
import { rightsOf } from '../../identity/rights.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getMe(app: FastifyInstance, ctx: HttpContext): void {
  route(app, ctx, 'GET /api/me', { summary: 'Who is signed in', answer: me }, async ({ caller }) =>
    meOf(ctx, caller.principal),
  );
}

export function meOf(ctx: HttpContext, principal: Principal): Me {
  return {
    ...refOf(principal),
    groups: principal.groups,
    rights: rightsOf(principal),
    demo: ctx.demo !== null,
    version: ctx.version,
  };
}
