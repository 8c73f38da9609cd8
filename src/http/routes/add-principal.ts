// A new person or service; a token for it is issued apart.

import type { FastifyInstance } from 'fastify';
import { addPrincipalBody, principal } from '../../api/people.ts';
import { addPrincipal } from '../../people/add-principal.ts';
import { type HttpContext, providerOf } from '../context.ts';
import { route } from '../route.ts';

export function addPrincipals(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/principals',
    { summary: 'Add a principal', body: addPrincipalBody, answer: principal, status: 201 },
    async ({ body, caller }) => addPrincipal(ctx.grants, providerOf(ctx), body, caller),
  );
}
