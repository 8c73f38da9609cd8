// The tokens of a principal, the dead ones too: never the tokens themselves.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { token } from '../../api/people.ts';
import { nameText } from '../../api/text.ts';
import { listTokens } from '../../identity/manage-tokens.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ name: nameText });

export function getTokens(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/principals/:name/tokens',
    { summary: 'Tokens of a principal', params, answer: z.object({ items: z.array(token) }) },
    async ({ params: { name } }) => ({ items: await listTokens(ctx.grants.db, name) }),
  );
}
