// Emergency kits: listing, making, rotating, retiring and checking them, and handing out what is each holder's. Kept
// in one file, since all are the same noun with one line each.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { kit, kitList, kitShare, makeKitBody } from '../../api/kits.ts';
import { idText } from '../../api/text.ts';
import { kitFile } from '../../break-glass/kit-file/kit-file.ts';
import { takeKitFile, takeShare } from '../../break-glass/kit-parts.ts';
import { listKits } from '../../break-glass/kit-view.ts';
import { askForCheck, makeKit, retireKit, rotateKit } from '../../break-glass/kits.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function keepKits(app: FastifyInstance, ctx: HttpContext): void {
  route(app, ctx, 'GET /api/kits', { summary: 'Emergency kits', answer: kitList }, async ({ caller }) =>
    listKits(ctx.grants, caller),
  );
  route(
    app,
    ctx,
    'POST /api/kits',
    { summary: 'Make an emergency kit of a segment', body: makeKitBody, answer: kit, status: 201 },
    async ({ body, caller }) => makeKit(ctx.grants, caller, body),
  );
  route(
    app,
    ctx,
    'POST /api/kits/:id/rotate',
    { summary: 'Make an emergency kit anew', params, answer: kit },
    async ({ params: { id }, caller }) => rotateKit(ctx.grants, caller, id),
  );
  route(
    app,
    ctx,
    'POST /api/kits/:id/retire',
    { summary: 'Take an emergency kit away for good', params, answer: kit },
    async ({ params: { id }, caller }) => retireKit(ctx.grants, caller, id),
  );
  route(
    app,
    ctx,
    'POST /api/kits/:id/check',
    { summary: 'Check an emergency kit now', params, answer: kit },
    async ({ params: { id }, caller }) => askForCheck(ctx.grants, caller, id),
  );
  route(
    app,
    ctx,
    'GET /api/kits/:id/file',
    { summary: 'The sealed file of an emergency kit', params, answer: kitFile },
    async ({ params: { id }, caller }) => takeKitFile(ctx.grants, caller, id),
  );
  route(
    app,
    ctx,
    'POST /api/kits/:id/share',
    { summary: "The caller's own share of an emergency kit, once", params, answer: kitShare },
    async ({ params: { id }, caller }) => takeShare(ctx.grants, caller, id),
  );
}
