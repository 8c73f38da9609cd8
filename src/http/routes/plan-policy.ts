// What a set of policies would do if it were in force. It changes nothing.

import type { FastifyInstance } from 'fastify';
import { LARGEST_POLICY_BODY_BYTES } from '../../api/policy-changes.ts';
import { planBody, policyPlan } from '../../api/policy-plan.ts';
import { planChange } from '../../proposals/plan.ts';
import { planWithin } from '../../proposals/plan-within.ts';
import { filesToPropose } from '../../proposals/propose.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function planPolicy(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/policy/plan',
    {
      summary: 'What a change of policy would do',
      body: planBody,
      bodyLimitBytes: LARGEST_POLICY_BODY_BYTES,
      answer: policyPlan,
    },
    async ({ body, caller, gone }) => {
      const { files, pack } = await filesToPropose(ctx.grants, caller, body);
      const plan = await planChange(ctx.grants, files, body.liveGrants, { signal: gone });
      return pack === null ? plan : planWithin(plan, pack);
    },
  );
}
