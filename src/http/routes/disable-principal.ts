// Ends an account: its tokens at once, its grants within seconds.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { revokeBody } from '../../api/grants.ts';
import { principal } from '../../api/people.ts';
import { nameText } from '../../api/text.ts';
import { disablePrincipal } from '../../identity/administer.ts';
import { type HttpContext, providerOf } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ name: nameText });

export function disablePrincipals(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/principals/:name/disable',
    { summary: 'Disable a principal', params, body: revokeBody, answer: principal },
    async ({ params: { name }, body: { reason }, caller }) =>
      disablePrincipal(ctx.grants.db, providerOf(ctx), { name, reason }, caller),
  );
}
