// Everything that is not where it should be, for whoever administers or audits.

import type { FastifyInstance } from 'fastify';
import { health } from '../../api/health.ts';
import { Failure } from '../../base/errors.ts';
import { seesEverything } from '../../grants/platform-rights.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getInstallationHealth(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/health',
    { summary: 'Health of the installation', answer: health },
    async ({ caller }) => {
      if (!seesEverything(ctx.grants, caller))
        throw new Failure('denied', 'may-not-see-health', 'You may not see the health of the installation.', {
          hint: 'Those who audit or administer may.',
        });
      return ctx.insight.health();
    },
  );
}
