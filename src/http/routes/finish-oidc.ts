// Where the provider sends the browser back to. It ends on a page in any case: the portal's own, or the sign-in page
// with the code of what went wrong, which has words for it.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { Failure } from '../../base/errors.ts';
import { finishOidc, type OidcDone } from '../../identity/oidc-sign-in.ts';
import { addressOf } from '../client-address.ts';
import type { HttpContext } from '../context.ts';
import { setCookie, takeOidcCookie } from '../cookies.ts';
import { route } from '../route.ts';

export function finishOidcSignIn(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/sign-in/oidc/callback',
    { summary: 'The way back from the provider', answer: z.null(), status: 303 },
    async ({ request, reply }) => {
      const secret = takeOidcCookie(request, reply);
      const { search } = new URL(request.url, 'http://portal');
      let done: OidcDone;
      try {
        done = await finishOidc(ctx.signIn, secret, search, addressOf(request));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        request.log.info({ code: error.code, err: error.cause }, 'a sign-in at the provider failed');
        return reply.redirect(`/sign-in?failed=${error.code}`, 303);
      }
      if (done.signed !== null) setCookie(request, reply, ctx.signIn.publicUrl(), done.signed);
      return reply.redirect(done.next ?? '/', 303);
    },
  );
}
