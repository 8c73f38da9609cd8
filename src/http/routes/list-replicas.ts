// The processes of this installation: which version, what they do, where they listen, whether they live.

import type { FastifyInstance } from 'fastify';
import { replicaList } from '../../api/replicas.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getReplicas(app: FastifyInstance, ctx: HttpContext): void {
  route(app, ctx, 'GET /api/replicas', { summary: 'List replicas', answer: replicaList }, async () => ({
    items: await ctx.replicas.list(),
  }));
}
