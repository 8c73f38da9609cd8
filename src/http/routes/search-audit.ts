// The log, newest first, by what it is about.

import type { FastifyInstance } from 'fastify';
import { auditEntry, auditQuery } from '../../api/audit.ts';
import { pageOf } from '../../api/text.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function searchAudit(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/audit/entries',
    { summary: 'Search the audit log', query: auditQuery, answer: pageOf(auditEntry) },
    async ({ query }) => ctx.audit.search(query),
  );
}
