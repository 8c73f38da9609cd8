// The command line asks whether its code was entered, at its pace, and gets its token once.

import type { FastifyInstance } from 'fastify';
import { issuedToken } from '../../api/people.ts';
import { deviceTokenBody } from '../../api/sign-in.ts';
import { redeemDeviceLogin } from '../../identity/device-login.ts';
import { addressOf } from '../client-address.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function redeemDeviceLogins(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/device-logins/token',
    { summary: 'Redeem a login by code', body: deviceTokenBody, answer: issuedToken, status: 201 },
    async ({ body, request }) => redeemDeviceLogin(ctx.signIn, body.deviceCode, addressOf(request)),
  );
}
