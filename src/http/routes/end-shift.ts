// The end of a shift before its time.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { shift } from '../../api/duty.ts';
import { idText } from '../../api/text.ts';
import { endShift } from '../../identity/on-call.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function endShifts(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/on-call/:id/end',
    { summary: 'End a shift on call', params, answer: shift },
    async ({ params: { id }, caller }) => endShift(ctx.grants.db, id, caller),
  );
}
