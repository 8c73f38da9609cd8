// The command line redeems the code that the browser brought, once.

import type { FastifyInstance } from 'fastify';
import { issuedToken } from '../../api/people.ts';
import { cliTokenBody } from '../../api/sign-in.ts';
import { redeemCliLogin } from '../../identity/cli-login.ts';
import { addressOf } from '../client-address.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function redeemCliLogins(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/cli-logins/token',
    { summary: 'Redeem a login of the command line', body: cliTokenBody, answer: issuedToken, status: 201 },
    async ({ body, request }) => redeemCliLogin(ctx.signIn, body, addressOf(request)),
  );
}
