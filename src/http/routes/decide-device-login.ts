// The signed-in person lets the machine behind a code in, or not.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { decideDeviceBody } from '../../api/sign-in.ts';
import { decideDeviceLogin } from '../../identity/device-login.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function decideDeviceLogins(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/device-logins/decide',
    { summary: 'Decide on a login by code', body: decideDeviceBody, answer: z.null(), status: 204 },
    async ({ body, caller }) => {
      await decideDeviceLogin(ctx.signIn, caller, body.userCode, body.allow);
      return null;
    },
  );
}
