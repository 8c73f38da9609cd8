// The question that a new passkey answers.

import type { FastifyInstance } from 'fastify';
import { registrationOptions } from '../../api/sign-in.ts';
import { beginRegistration } from '../../identity/passkeys.ts';
import type { HttpContext } from '../context.ts';
import { setPasskeyCookie } from '../cookies.ts';
import { route } from '../route.ts';

export function beginPasskeys(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/passkeys/options',
    { summary: 'Begin to register a passkey', answer: registrationOptions },
    async ({ caller, request, reply }) => {
      const { options, secret } = await beginRegistration(ctx.signIn, caller);
      setPasskeyCookie(request, reply, ctx.signIn.publicUrl(), secret);
      return options;
    },
  );
}
