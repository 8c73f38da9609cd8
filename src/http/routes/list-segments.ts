// The tree of segments, with the targets that hang on it.

import type { FastifyInstance } from 'fastify';
import { segmentList } from '../../api/segments.ts';
import { listSegments } from '../../grants/segment-view.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function listSegmentsOfTree(app: FastifyInstance, ctx: HttpContext): void {
  route(app, ctx, 'GET /api/segments', { summary: 'Segments', answer: segmentList }, async () => ({
    items: await listSegments(ctx.grants),
  }));
}
