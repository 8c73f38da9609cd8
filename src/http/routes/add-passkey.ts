// One more passkey of the signed-in person.

import type { FastifyInstance } from 'fastify';
import { addPasskeyBody, mySignIn } from '../../api/sign-in.ts';
import { viewMySignIn } from '../../identity/my-sign-in.ts';
import { finishRegistration } from '../../identity/passkeys.ts';
import type { HttpContext } from '../context.ts';
import { takePasskeyCookie } from '../cookies.ts';
import { route } from '../route.ts';

export function addPasskeys(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/passkeys',
    { summary: 'Register a passkey', body: addPasskeyBody, answer: mySignIn, status: 201 },
    async ({ body, caller, request, reply }) => {
      await finishRegistration(ctx.signIn, caller, takePasskeyCookie(request, reply), body);
      return viewMySignIn(ctx.signIn, caller);
    },
  );
}
