// A job's own token, from an issuer of the configuration, for a short one of ours (RFC 8693, as JSON).

import type { FastifyInstance } from 'fastify';
import { exchangeBody, exchanged } from '../../api/workload.ts';
import { addressOf } from '../client-address.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function exchangeJobToken(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/workload/token',
    { summary: "Exchange a job's token", body: exchangeBody, answer: exchanged },
    async ({ body, request }) => ctx.workload.exchange(body.subject_token, addressOf(request)),
  );
}
