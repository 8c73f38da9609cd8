// Which machine waits behind a code.

import type { FastifyInstance } from 'fastify';
import { deviceLogin, userCodeBody } from '../../api/sign-in.ts';
import { lookAtDeviceLogin } from '../../identity/device-login.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function lookAtDeviceLogins(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/device-logins/look',
    { summary: 'Look at a login by code', body: userCodeBody, answer: deviceLogin },
    async ({ body, caller }) => lookAtDeviceLogin(ctx.signIn, caller, body.userCode),
  );
}
