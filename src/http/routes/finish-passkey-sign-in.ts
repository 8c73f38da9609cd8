// Signs in with the answer of a passkey.

import type { FastifyInstance } from 'fastify';
import { me } from '../../api/people.ts';
import { usePasskeyBody } from '../../api/sign-in.ts';
import { finishPasskeySignIn } from '../../identity/use-passkey.ts';
import { addressOf } from '../client-address.ts';
import type { HttpContext } from '../context.ts';
import { setCookie, takePasskeyCookie } from '../cookies.ts';
import { route } from '../route.ts';
import { meOf } from './get-me.ts';

export function finishPasskeySignIns(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/sign-in/passkey',
    { summary: 'Sign in with a passkey', body: usePasskeyBody, answer: me },
    async ({ body, request, reply }) => {
      const secret = takePasskeyCookie(request, reply);
      const sourceAddress = addressOf(request);
      const signed = await finishPasskeySignIn(ctx.signIn, secret, body.passkey, sourceAddress);
      setCookie(request, reply, ctx.signIn.publicUrl(), signed);
      return meOf(ctx, { principal: signed.principal, sourceAddress, mfaAgeSeconds: 0 });
    },
  );
}
