// What is wrong with a draft of policies, what it says, and what it would change for one example.

import type { FastifyInstance } from 'fastify';
import { checkedPolicy, checkPolicyBody } from '../../api/policy-draft.ts';
import { checkDraft } from '../../grants/check-draft.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function checkPolicy(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/policy/check',
    { summary: 'Check a draft of policies', body: checkPolicyBody, answer: checkedPolicy },
    async ({ body, caller }) => checkDraft(ctx.grants, caller, body),
  );
}
