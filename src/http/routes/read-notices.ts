// Marks notices of the reader as read. It is no act that the log would keep: it changes nothing for anybody else.

import type { FastifyInstance } from 'fastify';
import { readNotices as answer, readNoticesBody } from '../../api/notices.ts';
import { readNotices } from '../../notices/notices.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function markNotices(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/notices/read',
    { summary: 'Mark notices as read', body: readNoticesBody, answer },
    async ({ body, caller }) => ({ read: await readNotices(ctx.grants.db, caller.principal.id, body.ids) }),
  );
}
