// The signed-in person lets the command line on their machine in.

import type { FastifyInstance } from 'fastify';
import { cliLogin, goTo } from '../../api/sign-in.ts';
import { confirmCliLogin } from '../../identity/cli-login.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function confirmCliLogins(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/cli-logins',
    { summary: 'Confirm a login of the command line', body: cliLogin, answer: goTo },
    async ({ body, caller }) => confirmCliLogin(ctx.signIn, caller, body),
  );
}
