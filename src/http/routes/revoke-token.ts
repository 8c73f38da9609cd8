// Ends one token of a principal at once.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { token } from '../../api/people.ts';
import { idText, nameText } from '../../api/text.ts';
import { revokeTokenOf } from '../../identity/manage-tokens.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ name: nameText, id: idText });

export function revokeTokens(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/principals/:name/tokens/:id/revoke',
    { summary: 'Revoke a token', params, answer: token },
    async ({ params: { name, id }, caller }) => revokeTokenOf(ctx.grants.db, name, id, caller),
  );
}
