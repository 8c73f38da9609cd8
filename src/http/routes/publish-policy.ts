// New policies, all or none: a set that does not parse or validate changes nothing.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { platformFacts } from '../../grants/platform-rights.ts';
import { actorOf } from '../../identity/principals.ts';
import { publishPolicies } from '../../policy/publish.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const MOST_FILES = 100;
const body = z.object({
  files: z
    .record(
      z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}\.cedar$/, 'A name such as orders.cedar.'),
      z.string().max(60_000),
    )
    .refine((files) => Object.keys(files).length <= MOST_FILES, `At most ${MOST_FILES} files.`),
});

export function publishPolicy(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/policy',
    { summary: 'Publish policies', body, answer: z.object({ digest: z.string() }) },
    async ({ body: { files }, caller }) =>
      publishPolicies(ctx.grants, { files, by: actorOf(caller.principal), publisher: platformFacts(caller) }),
  );
}
