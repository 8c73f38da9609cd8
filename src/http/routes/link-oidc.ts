// The provider as one more way to sign in, for who is signed in already.

import type { FastifyInstance } from 'fastify';
import { beginOidcBody, goTo } from '../../api/sign-in.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { begin } from './begin-oidc.ts';

export function linkOidc(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/my-sign-in/oidc',
    { summary: 'Link my account at the provider', body: beginOidcBody, answer: goTo },
    async ({ body, caller, request, reply }) => begin(ctx, request, reply, body.next ?? null, caller),
  );
}
