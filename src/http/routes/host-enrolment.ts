// What is needed to add a host: the authority that it is to trust, and the keys that it shows.

import type { FastifyInstance } from 'fastify';
import { hostAuthority, hostKeys, hostKeysBody } from '../../api/hosts.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function hostEnrolment(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/host-authority',
    { summary: 'Show the authority that hosts trust', answer: hostAuthority },
    async () => ctx.hosts.authority(),
  );
  route(
    app,
    ctx,
    'POST /api/host-keys',
    { summary: 'Ask a host for its keys', body: hostKeysBody, answer: hostKeys },
    async ({ body }) => ({ items: await ctx.hosts.keys(body) }),
  );
}
