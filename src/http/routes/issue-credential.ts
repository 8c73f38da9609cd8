// One more secret for a grant; it is shown once, here.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { issuedCredential } from '../../api/grants.ts';
import { idText } from '../../api/text.ts';
import { issueCredential } from '../../grants/credentials.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function issueCredentials(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/grants/:id/credentials',
    { summary: 'Issue a connection string', params, answer: issuedCredential, status: 201 },
    async ({ params: { id }, caller }) => issueCredential(ctx.grants, caller, id),
  );
}
