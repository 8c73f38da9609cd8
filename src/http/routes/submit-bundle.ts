// Asks for several tasks on several targets: granted all or none.

import type { FastifyInstance } from 'fastify';
import { bundleBody, submitted, waitQuery } from '../../api/requests.ts';
import { submitBundle } from '../../grants/submit-bundle.ts';
import { waitForAccess } from '../../grants/wait.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { requestAndGrant } from './get-request.ts';

export function submitBundles(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/bundles',
    {
      summary: 'Request several privileges together',
      body: bundleBody,
      query: waitQuery,
      answer: submitted,
      status: 201,
    },
    async ({ body, query, caller, gone }) => {
      const id = await submitBundle(ctx.grants, caller, body);
      if (query.wait > 0) await waitForAccess(ctx.grants, id, null, { seconds: query.wait, signal: gone });
      return requestAndGrant(ctx, caller, id);
    },
  );
}
