// Takes one of the signed-in person's passkeys away.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { mySignIn } from '../../api/sign-in.ts';
import { idText } from '../../api/text.ts';
import { viewMySignIn } from '../../identity/my-sign-in.ts';
import { removePasskey } from '../../identity/passkeys.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function removePasskeys(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/passkeys/:id/remove',
    { summary: 'Remove a passkey', params, answer: mySignIn },
    async ({ params: { id }, caller }) => {
      await removePasskey(ctx.signIn, caller, id);
      return viewMySignIn(ctx.signIn, caller);
    },
  );
}
