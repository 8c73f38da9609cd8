// The whole log as NDJSON that verifies offline. Streamed; that it was taken is an entry of its own.

import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { actorOf } from '../../identity/principals.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

export function exportAudit(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /api/audit/export',
    { summary: 'Export the audit log', answer: z.null(), contentType: 'application/x-ndjson' },
    async ({ caller, reply }) => {
      const lines = await ctx.audit.exportFor(actorOf(caller.principal), caller.sourceAddress);
      return reply
        .type('application/x-ndjson')
        .serializer(String)
        .send(Readable.from(withNewlines(lines), { objectMode: false }));
    },
  );
}

async function* withNewlines(lines: AsyncIterable<string>): AsyncIterable<string> {
  for await (const line of lines) yield line.endsWith('\n') ? line : `${line}\n`;
}
