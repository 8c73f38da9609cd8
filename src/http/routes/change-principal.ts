// A change of a principal that is kept by hand; what confers a right or a voice waits for a second person.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { changedPrincipal, changePrincipalBody } from '../../api/people-changes.ts';
import { nameText } from '../../api/text.ts';
import { changePrincipal } from '../../people/change-principal.ts';
import { type HttpContext, providerOf } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ name: nameText });

export function changePrincipals(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/principals/:name/change',
    { summary: 'Change a principal', params, body: changePrincipalBody, answer: changedPrincipal },
    async ({ params: { name }, body, caller }) =>
      changePrincipal(ctx.grants, providerOf(ctx), { name, body }, caller),
  );
}
