// May this process be given work: its store answers, its log goes on, it listens, it is not about to stop. A balancer
// asks; who is not ready is passed over, not started again.

import type { FastifyInstance } from 'fastify';
import { readinessAnswer } from '../../api/replicas.ts';
import { Failure } from '../../base/errors.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getReadiness(app: FastifyInstance, ctx: HttpContext): void {
  route(app, ctx, 'GET /readyz', { summary: 'Readiness', answer: readinessAnswer }, async () => {
    const { ready, problems } = ctx.readiness();
    if (!ready) throw new Failure('unavailable', 'not-ready', problems.join(' '));
    return { ready };
  });
}
