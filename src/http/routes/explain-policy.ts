// What policy would say, for anybody and any circumstances, and what would be enough; by the policies in force, or by
// others for who may propose them.

import type { FastifyInstance } from 'fastify';
import { LARGEST_POLICY_BODY_BYTES } from '../../api/policy-changes.ts';
import { explainBody } from '../../api/policy-plan.ts';
import { preview } from '../../api/requests.ts';
import { explain } from '../../grants/explain.ts';
import { compilePolicies } from '../../policy/engine/compile.ts';
import { filesToPropose } from '../../proposals/propose.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function explainPolicy(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/policy/explain',
    {
      summary: 'Explain a decision',
      body: explainBody,
      bodyLimitBytes: LARGEST_POLICY_BODY_BYTES,
      answer: preview,
    },
    async ({ body: { files, ...body }, caller }) => {
      if (files === undefined) return explain(ctx.grants, caller, body);
      const candidate = await filesToPropose(ctx.grants, caller, { files });
      return explain(ctx.grants, caller, body, compilePolicies(candidate.files));
    },
  );
}
