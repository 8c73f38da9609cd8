// The question that a passkey answers to sign in: whose it is, the authenticator says.

import type { FastifyInstance } from 'fastify';
import { passkeyOptions } from '../../api/sign-in.ts';
import { beginPasskeySignIn } from '../../identity/use-passkey.ts';
import type { HttpContext } from '../context.ts';
import { fromOf, setPasskeyCookie } from '../cookies.ts';
import { route } from '../route.ts';

export function beginPasskeySignIns(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/sign-in/passkey/options',
    { summary: 'Begin to sign in with a passkey', answer: passkeyOptions },
    async ({ request, reply }) => {
      const { options, secret } = await beginPasskeySignIn(ctx.signIn, fromOf(request));
      setPasskeyCookie(request, reply, ctx.signIn.publicUrl(), secret);
      return options;
    },
  );
}
