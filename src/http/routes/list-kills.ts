// Kill switches: those in force are a banner everywhere.

import type { FastifyInstance } from 'fastify';
import { kill, killQuery } from '../../api/kills.ts';
import { pageOf } from '../../api/text.ts';
import { listKills } from '../../grants/kill-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function getKills(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/kills',
    { summary: 'Kill switches, newest first', query: killQuery, answer: pageOf(kill) },
    async ({ query, caller }) => listKills(ctx.grants, caller, query),
  );
}
