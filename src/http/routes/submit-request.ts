// Asks for a privilege. A refusal by policy is an answer, not an error: it is stored and explained.

import type { FastifyInstance } from 'fastify';
import { type Submitted, submitBody, submitted, waitQuery } from '../../api/requests.ts';
import { type GrantViewRow, grantFrom, viewGrant } from '../../grants/grant-view.ts';
import { mayAdminister } from '../../grants/platform-rights.ts';
import { viewSubmitted } from '../../grants/request-view.ts';
import { type Caller, type SubmitResult, submit } from '../../grants/submit.ts';
import { waitForAccess } from '../../grants/wait.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { requestAndGrant } from './get-request.ts';

export function submitRequest(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/requests',
    { summary: 'Request a privilege', body: submitBody, query: waitQuery, answer: submitted, status: 201 },
    async ({ body, query, caller, gone }) => {
      const done = await submit(ctx.grants, caller, body);
      const step = done.grant === null ? null : ctx.worker.take(done.grant);
      if (query.wait === 0 || done.row.state === 'denied') return submittedOf(ctx, caller, done);
      const patience = { seconds: query.wait, signal: gone, step };
      const grant = await waitForAccess(ctx.grants, done.row.id, done.grantId, patience);
      return submittedOf(ctx, caller, done, grant);
    },
  );
}

async function submittedOf(
  ctx: HttpContext,
  caller: Caller,
  done: SubmitResult,
  found: GrantViewRow | null = null,
): Promise<Submitted> {
  if (done.row.state === 'pending') return requestAndGrant(ctx, caller, done.row.id);
  const [request, grant] = await Promise.all([
    viewSubmitted(ctx.grants, caller, done),
    done.grantId === null
      ? null
      : found === null
        ? viewGrant(ctx.grants, caller, done.grantId)
        : grantFrom(found, caller, () => mayAdminister(ctx.grants, caller)),
  ]);
  return { request, grant };
}
