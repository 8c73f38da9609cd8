// A login of a command line where no browser is: a code to enter in the portal.

import type { FastifyInstance } from 'fastify';
import { startDeviceBody, startedDevice } from '../../api/sign-in.ts';
import { startDeviceLogin } from '../../identity/device-login.ts';
import { addressOf } from '../client-address.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function startDeviceLogins(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/device-logins',
    { summary: 'Begin a login by code', body: startDeviceBody, answer: startedDevice, status: 201 },
    async ({ body, request }) => startDeviceLogin(ctx.signIn, body.machine, addressOf(request)),
  );
}
