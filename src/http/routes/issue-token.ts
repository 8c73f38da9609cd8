// One more token for a principal; it is shown once, here.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { issuedToken, issueTokenBody } from '../../api/people.ts';
import { nameText } from '../../api/text.ts';
import { handOutToken } from '../../people/hand-out.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ name: nameText });

export function issueTokens(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/principals/:name/tokens',
    { summary: 'Issue a token', params, body: issueTokenBody, answer: issuedToken, status: 201 },
    async ({ params: { name }, body, caller }) => handOutToken(ctx.grants, name, body, caller),
  );
}
