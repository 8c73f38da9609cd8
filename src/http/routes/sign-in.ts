// Exchanges a token for a browser's own, in a cookie that scripts cannot read and other sites cannot send.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { me, signInBody } from '../../api/people.ts';
import type { SignedIn } from '../../identity/sign-in.ts';
import { COOKIE, checkPresented } from '../caller.ts';
import { addressOf } from '../client-address.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { meOf } from './get-me.ts';

export function signIn(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/sign-in',
    { summary: 'Sign in with a token', body: signInBody, answer: me },
    async ({ body, request, reply }) => {
      const sourceAddress = addressOf(request);
      await checkPresented(ctx, body.token, 'POST /api/sign-in', request);
      const signed = await ctx.principals.signIn(body.token, sourceAddress);
      setCookie(request, reply, signed);
      return meOf(ctx, { principal: signed.principal, sourceAddress });
    },
  );
}

export function setCookie(request: FastifyRequest, reply: FastifyReply, signed: SignedIn): void {
  void reply.setCookie(COOKIE, signed.token.reveal(), {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure: request.protocol === 'https',
    expires: signed.expiresAt,
  });
}
