// Who is signed in, and what they may do with Sallyport itself.

import type { FastifyInstance } from 'fastify';
import { type Me, me } from '../../api/people.ts';
import { platformRightsOf } from '../../grants/platform-rights.ts';
import type { Caller } from '../../grants/submit.ts';
import { refOf } from '../../identity/principals.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getMe(app: FastifyInstance, ctx: HttpContext): void {
  route(app, ctx, 'GET /api/me', { summary: 'Who is signed in', answer: me }, async ({ caller }) =>
    meOf(ctx, caller),
  );
}

export function meOf(ctx: HttpContext, caller: Caller): Me {
  return {
    ...refOf(caller.principal),
    groups: caller.principal.groups,
    rights: platformRightsOf(ctx.grants, caller),
    demo: ctx.demo !== null,
    version: ctx.version,
  };
}
