// The decision as it would be now, and what would be enough; nothing is written.

import type { FastifyInstance } from 'fastify';
import { preview, previewBody } from '../../api/requests.ts';
import { previewRequest } from '../../grants/submit.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function previewRequests(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/requests/preview',
    { summary: 'Preview a decision', body: previewBody, answer: preview },
    async ({ body, caller }) => previewRequest(ctx.grants, caller, body),
  );
}
