// The first step of signing in at the provider: where the browser goes, and a cookie that only this browser has.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { beginOidcBody, goTo } from '../../api/sign-in.ts';
import { conflict } from '../../base/errors.ts';
import { beginOidc } from '../../identity/oidc-sign-in.ts';
import type { BrowserCaller } from '../../identity/sign-in-context.ts';
import type { HttpContext } from '../context.ts';
import { fromOf, isPublicAddress, setOidcCookie } from '../cookies.ts';
import { route } from '../route.ts';

export function beginOidcSignIn(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/sign-in/oidc',
    { summary: 'Begin to sign in at the provider', body: beginOidcBody, answer: goTo },
    async ({ body, request, reply }) => begin(ctx, request, reply, body.next ?? null, null),
  );
}

/** `linkTo`: who is signed in and wants the provider as one more way. */
export async function begin(
  ctx: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  next: string | null,
  linkTo: BrowserCaller | null,
): Promise<{ url: string }> {
  const publicUrl = ctx.signIn.publicUrl();
  if (ctx.signIn.oidc !== null && !isPublicAddress(request, publicUrl)) {
    throw conflict('other-address', `Signing in at the provider begins at ${publicUrl}.`, {
      hint: `Open ${publicUrl}.`,
      facts: { publicUrl },
    });
  }
  const { url, secret } = await beginOidc(ctx.signIn, fromOf(request), next, linkTo);
  setOidcCookie(request, reply, publicUrl, secret);
  return { url };
}
