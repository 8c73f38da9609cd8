// Hints for live pages as server-sent events: only that something of a topic changed, so nothing leaks to who may not
// see it; the page fetches again with its own rights.

import { PassThrough } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { Failure } from '../../base/errors.ts';
import { monotonicMs } from '../../base/timer.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { ASK_AGAIN_MS } from '../waits.ts';

const MOST_STREAMS = 1_000;
/** So that one who opens hundreds does not take them from everybody. */
const MOST_STREAMS_OF_CALLER = 50;
const HEARTBEAT_MS = 15_000;
/** A page that does not read is cut off rather than remembered. */
const MOST_BUFFERED_BYTES = 64 * 1024;

export function streamEvents(app: FastifyInstance, ctx: HttpContext): void {
  let open = 0;
  const openOf = new Map<string, number>();
  route(
    app,
    ctx,
    'GET /api/events',
    { summary: 'Hints that something changed', answer: z.null(), contentType: 'text/event-stream' },
    async ({ caller: { principal }, reply, gone, askAgain }) => {
      const own = openOf.get(principal.id) ?? 0;
      if (open >= MOST_STREAMS || own >= MOST_STREAMS_OF_CALLER)
        throw new Failure('limit', 'too-many-streams', 'Too many live pages are open.');
      if (gone.aborted) return reply.hijack();
      open += 1;
      openOf.set(principal.id, own + 1);
      const stream = new PassThrough();
      const send = (text: string) => {
        if (stream.writableLength > MOST_BUFFERED_BYTES) stream.destroy();
        else stream.write(text);
      };
      // A stream outlives many calls: who would not be let in any more is told nothing more.
      let askedAtMs = Number.NEGATIVE_INFINITY;
      const stillIn = async () => {
        if (monotonicMs() - askedAtMs < ASK_AGAIN_MS) return;
        askedAtMs = monotonicMs();
        await askAgain().catch((error: unknown) => {
          // A store that is away says nothing about anybody.
          if (error instanceof Failure && error.kind !== 'unavailable') stream.end();
        });
      };
      const tell = async (text: string) => {
        await stillIn();
        if (stream.writable) send(text);
      };
      const off = ctx.events.subscribe(
        (event) => void tell(`data: ${JSON.stringify({ topic: event.topic })}\n\n`),
      );
      const look = setInterval(() => void stillIn(), ASK_AGAIN_MS);
      const beat = setInterval(() => void tell(': still here\n\n'), HEARTBEAT_MS);
      // However it ends: the page left, did not read, or had left before the stream began.
      stream.once('close', () => {
        off();
        clearInterval(beat);
        clearInterval(look);
        open -= 1;
        const left = (openOf.get(principal.id) ?? 1) - 1;
        if (left > 0) openOf.set(principal.id, left);
        else openOf.delete(principal.id);
      });
      gone.addEventListener('abort', () => stream.destroy(), { once: true });
      send(': welcome\n\n');
      return reply
        .type('text/event-stream')
        .header('x-accel-buffering', 'no')
        .serializer(String)
        .send(stream);
    },
  );
}
