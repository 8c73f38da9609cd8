// The policies in force.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const policySet = z.object({ digest: z.string(), files: z.record(z.string(), z.string()) });

export function getPolicy(app: FastifyInstance, ctx: HttpContext): void {
  route(app, ctx, 'GET /api/policy', { summary: 'Policies in force', answer: policySet }, async () => ({
    digest: ctx.grants.policies.current().digest,
    files: ctx.grants.policies.files(),
  }));
}
