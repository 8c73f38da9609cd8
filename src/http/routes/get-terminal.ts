// What was on the terminal of one shell or program of a session, as a file that `asciinema play` plays.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { terminalEntry } from '../../api/sessions.ts';
import { idText } from '../../api/text.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText, entry: terminalEntry });

export function getTerminal(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/sessions/:id/terminals/:entry',
    {
      summary: 'A terminal of a session, as asciicast v2',
      params,
      answer: z.null(),
      contentType: 'application/x-asciicast',
    },
    async ({ params: { id, entry }, caller, reply }) => {
      const text = await ctx.sessions.terminal(caller, id, entry);
      return reply.type('application/x-asciicast').serializer(String).send(text);
    },
  );
}
