// How the signed-in person signs in.

import type { FastifyInstance } from 'fastify';
import { mySignIn } from '../../api/sign-in.ts';
import { viewMySignIn } from '../../identity/my-sign-in.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getMySignIn(app: FastifyInstance, ctx: HttpContext): void {
  route(app, ctx, 'GET /api/my-sign-in', { summary: 'How I sign in', answer: mySignIn }, async ({ caller }) =>
    viewMySignIn(ctx.signIn, caller),
  );
}
