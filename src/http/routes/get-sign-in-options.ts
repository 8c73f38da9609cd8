// Which ways to sign in there are, and whether the provider answers: for the sign-in page, so for anyone.

import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { signInOptions } from '../../api/sign-in.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getSignInOptions(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/sign-in/options',
    { summary: 'Ways to sign in', answer: signInOptions },
    async () => {
      const { oidc, publicUrl } = ctx.signIn;
      return {
        publicUrl: publicUrl(),
        oidc: oidc === null ? null : { name: oidc.settings.name, reachable: await oidc.reachable() },
        passkeys: isIP(new URL(publicUrl()).hostname.replace(/^\[|\]$/g, '')) === 0,
      };
    },
  );
}
