// The reader's own notices.

import type { FastifyInstance } from 'fastify';
import { noticePage, noticeQuery } from '../../api/notices.ts';
import { listNotices } from '../../notices/notices.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getNotices(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/notices',
    { summary: "The reader's own notices", query: noticeQuery, answer: noticePage },
    async ({ query, caller }) => listNotices(ctx.grants.db, caller.principal.id, query),
  );
}
