// What policy would say, for anybody and any circumstances, and what would be enough.

import type { FastifyInstance } from 'fastify';
import { explainBody, preview } from '../../api/requests.ts';
import { explain } from '../../grants/explain.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function explainPolicy(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/policy/explain',
    { summary: 'Explain a decision', body: explainBody, answer: preview },
    async ({ body, caller }) => explain(ctx.grants, caller, body),
  );
}
