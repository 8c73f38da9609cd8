// The policies in force as sentences, beside their Cedar. Nothing that GET /api/policy does not give as text.

import type { FastifyInstance } from 'fastify';
import { policyPage, policyQuery } from '../../api/policies.ts';
import { findPolicies } from '../../policy/policy-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function listPolicies(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/policy/sentences',
    { summary: 'Policies as sentences', query: policyQuery, answer: policyPage },
    async ({ query }) => {
      const { policies } = ctx.grants;
      return findPolicies({ compiled: policies.current(), files: policies.files() }, query, Date.now());
    },
  );
}
