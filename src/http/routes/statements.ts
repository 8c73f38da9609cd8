// Statements that wait for a yes: list, look, approve, deny.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  approveStatementBody,
  denyStatementBody,
  statementCard,
  statementQuery,
} from '../../api/statements.ts';
import { idText, pageOf } from '../../api/text.ts';
import { approveStatement, denyStatement } from '../../grants/decide-statement.ts';
import { listStatements, viewStatement } from '../../grants/statement-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function statements(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/statements',
    {
      summary: 'List statements that wait for approval, or did',
      query: statementQuery,
      answer: pageOf(statementCard),
    },
    async ({ query, caller }) => listStatements(ctx.grants, caller, query),
  );
  route(
    app,
    ctx,
    'GET /api/statements/:id',
    { summary: 'One statement that waits for approval, or did', params, answer: statementCard },
    async ({ params: { id }, caller }) => viewStatement(ctx.grants, caller, id),
  );
  route(
    app,
    ctx,
    'POST /api/statements/:id/approve',
    { summary: 'Approve one statement', params, body: approveStatementBody, answer: statementCard },
    async ({ params: { id }, body, caller }) => {
      await approveStatement(ctx.grants, caller, id, body.digest);
      return viewStatement(ctx.grants, caller, id);
    },
  );
  route(
    app,
    ctx,
    'POST /api/statements/:id/deny',
    { summary: 'Deny one statement, with a reason', params, body: denyStatementBody, answer: statementCard },
    async ({ params: { id }, body, caller }) => {
      await denyStatement(ctx.grants, caller, id, body.reason);
      return viewStatement(ctx.grants, caller, id);
    },
  );
}
