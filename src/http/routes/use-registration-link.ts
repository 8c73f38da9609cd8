// Registers a passkey by a link, once, and signs in with it.

import type { FastifyInstance } from 'fastify';
import { me } from '../../api/people.ts';
import { useLinkBody } from '../../api/sign-in.ts';
import { registerByLink } from '../../identity/registration-links.ts';
import type { HttpContext } from '../context.ts';
import { fromOf, setCookie, takePasskeyCookie } from '../cookies.ts';
import { route } from '../route.ts';
import { meOf } from './get-me.ts';

export function useRegistrationLinks(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/registration',
    { summary: 'Register a passkey by a link', body: useLinkBody, answer: me, status: 201 },
    async ({ body, request, reply }) => {
      const from = fromOf(request);
      const signed = await registerByLink(
        ctx.signIn,
        body.code,
        takePasskeyCookie(request, reply),
        body,
        from,
      );
      setCookie(request, reply, ctx.signIn.publicUrl(), signed);
      return meOf(ctx, { principal: signed.principal, sourceAddress: from.address, mfaAgeSeconds: 0 });
    },
  );
}
