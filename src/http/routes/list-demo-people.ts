// Who can sign in to the demo with one click. There are none in somebody's own installation.

import type { FastifyInstance } from 'fastify';
import { demoPeople } from '../../api/people.ts';
import { notFound } from '../../base/errors.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function listDemoPeople(app: FastifyInstance, ctx: HttpContext): void {
  route(app, ctx, 'GET /api/demo/people', { summary: "The demo's people", answer: demoPeople }, async () => {
    if (ctx.demo === null) throw notFound('demo', 'demo');
    return { people: ctx.demo.people };
  });
}
