// A passkey was used: the session goes on under a new token that says so.

import type { FastifyInstance } from 'fastify';
import { me } from '../../api/people.ts';
import { usePasskeyBody } from '../../api/sign-in.ts';
import { finishStepUp } from '../../identity/use-passkey.ts';
import type { HttpContext } from '../context.ts';
import { setCookie, takePasskeyCookie } from '../cookies.ts';
import { route } from '../route.ts';
import { meOf } from './get-me.ts';

export function finishStepUps(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/step-up',
    { summary: 'Use a passkey in this session', body: usePasskeyBody, answer: me },
    async ({ body, caller, request, reply }) => {
      const secret = takePasskeyCookie(request, reply);
      const signed = await finishStepUp(ctx.signIn, caller, secret, body.passkey);
      setCookie(request, reply, ctx.signIn.publicUrl(), signed);
      return meOf(ctx, { ...caller, mfaAgeSeconds: 0 });
    },
  );
}
