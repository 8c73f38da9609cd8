// The question that one of the signed-in person's passkeys answers.

import type { FastifyInstance } from 'fastify';
import { passkeyOptions } from '../../api/sign-in.ts';
import { beginStepUp } from '../../identity/use-passkey.ts';
import type { HttpContext } from '../context.ts';
import { setPasskeyCookie } from '../cookies.ts';
import { route } from '../route.ts';

export function beginStepUps(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/step-up/options',
    { summary: 'Begin to use a passkey', answer: passkeyOptions },
    async ({ caller, request, reply }) => {
      const { options, secret } = await beginStepUp(ctx.signIn, caller);
      setPasskeyCookie(request, reply, ctx.signIn.publicUrl(), secret);
      return options;
    },
  );
}
