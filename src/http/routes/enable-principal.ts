// Lets a disabled principal in again; its tokens from before stay worth nothing.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { revokeBody } from '../../api/grants.ts';
import { changedPrincipal } from '../../api/people-changes.ts';
import { nameText } from '../../api/text.ts';
import { enablePrincipal } from '../../people/change-principal.ts';
import { type HttpContext, providerOf } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ name: nameText });

export function enablePrincipals(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/principals/:name/enable',
    { summary: 'Enable a principal', params, body: revokeBody, answer: changedPrincipal },
    async ({ params: { name }, body: { reason }, caller }) =>
      enablePrincipal(ctx.grants, providerOf(ctx), { name, reason }, caller),
  );
}
