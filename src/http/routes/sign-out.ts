// Ends the token that this was called with, not only the cookie.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { COOKIE } from '../caller.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function signOut(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/sign-out',
    { summary: 'Sign out', answer: z.null(), status: 204 },
    async ({ caller, reply }) => {
      await ctx.principals.signOut(caller.tokenId, caller.principal, caller.sourceAddress);
      void reply.clearCookie(COOKIE, { path: '/' });
      return null;
    },
  );
}
