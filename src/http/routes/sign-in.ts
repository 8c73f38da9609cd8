// Exchanges a token for a browser's own, in a cookie that scripts cannot read and other sites cannot send.

import type { FastifyInstance } from 'fastify';
import { me, signInBody } from '../../api/people.ts';
import { checkPresented } from '../caller.ts';
import type { HttpContext } from '../context.ts';
import { fromOf, setCookie } from '../cookies.ts';
import { route } from '../route.ts';
import { meOf } from './get-me.ts';

export function signIn(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/sign-in',
    { summary: 'Sign in with a token', body: signInBody, answer: me },
    async ({ body, request, reply }) => {
      const from = fromOf(request);
      await checkPresented(ctx, body.token, 'POST /api/sign-in', request);
      const signed = await ctx.principals.signIn(body.token, from);
      setCookie(request, reply, ctx.signIn.publicUrl(), signed);
      return meOf(ctx, { principal: signed.principal, sourceAddress: from.address, mfaAgeSeconds: null });
    },
  );
}
