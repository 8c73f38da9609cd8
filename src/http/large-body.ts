// A body over its route's limit is read to its end and thrown away before it is refused: who is still sending when the
// connection closes never sees the answer that names the limit, only a broken pipe. What is far beyond is not waited for.

import { once } from 'node:events';
import type { FastifyRequest } from 'fastify';
import { Failure } from '../base/errors.ts';

const MOST_THROWN_AWAY_BYTES = 32 * 1024 * 1024;
const LONGEST_MS = 5_000;

/** Fastify's `preParsing`. Errors: `body-too-large`, with the limit. */
export async function refuseLargeBody(
  request: FastifyRequest,
  _reply: unknown,
  payload: NodeJS.ReadableStream,
): Promise<void> {
  const announced = Number(request.headers['content-length'] ?? 0);
  const limit = request.routeOptions.bodyLimit ?? 0;
  if (limit === 0 || announced <= limit) return;
  if (announced <= MOST_THROWN_AWAY_BYTES) {
    payload.resume();
    await once(payload, 'end', { signal: AbortSignal.timeout(LONGEST_MS) }).catch(() => undefined);
  }
  throw tooLarge(limit);
}

function tooLarge(limitBytes: number): Failure {
  return new Failure(
    'too-large',
    'body-too-large',
    `The body is over the limit of this call, ${limitBytes / 1024} KiB.`,
  );
}
