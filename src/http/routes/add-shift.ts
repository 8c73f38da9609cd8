// One more shift on call.

import type { FastifyInstance } from 'fastify';
import { addShiftBody, shift } from '../../api/duty.ts';
import { addShift } from '../../identity/on-call.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function addShifts(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/on-call',
    { summary: 'Put somebody on call', body: addShiftBody, answer: shift, status: 201 },
    async ({ body, caller }) => addShift(ctx.grants.db, body, caller),
  );
}
