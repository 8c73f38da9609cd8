// One way to call the server: same-origin cookie, JSON, and no answer believed that does not parse.

import type { z } from 'zod';
import { failureFrom, misunderstood, unreachable, wantsPasskey } from './failure.ts';
import { noteReachable } from './reach.ts';
import { heard } from './server-clock.ts';
import { askForPasskey } from './step-up.ts';

const LONGEST_CALL_MS = 75_000; // above the server's longest wait of 60 s

interface Call {
  method?: 'GET' | 'POST';
  body?: unknown;
  signal?: AbortSignal | undefined;
}

// What is done (not what is only looked at, again and again) asks for the passkey by itself and is then done.
async function answerOf(path: string, call: Call): Promise<Response> {
  try {
    return await answerOnce(path, call);
  } catch (error) {
    if (call.method !== 'POST' || !wantsPasskey(error) || !(await askForPasskey(error.message))) throw error;
    return answerOnce(path, call);
  }
}

async function answerOnce(path: string, call: Call): Promise<Response> {
  const limit = AbortSignal.timeout(LONGEST_CALL_MS);
  const sentAtMs = Date.now();
  let response: Response;
  try {
    response = await fetch(path, {
      method: call.method ?? 'GET',
      credentials: 'same-origin',
      cache: 'no-store',
      headers: {
        accept: 'application/json',
        ...(call.method === 'POST' ? { 'content-type': 'application/json' } : {}),
      },
      ...(call.method === 'POST' ? { body: JSON.stringify(call.body ?? {}) } : {}),
      signal: call.signal === undefined ? limit : AbortSignal.any([call.signal, limit]),
    });
  } catch (error) {
    if (call.signal?.aborted) throw error;
    noteReachable(false);
    throw unreachable();
  }
  noteReachable(true);
  heard(response.headers.get('date'), sentAtMs, Date.now());
  if (!response.ok) throw failureFrom(response.status, await response.json().catch(() => null));
  return response;
}

async function parsed<Schema extends z.ZodType>(
  schema: Schema,
  path: string,
  call: Call,
): Promise<z.output<Schema>> {
  const response = await answerOf(path, call);
  let body: unknown;
  try {
    body = await response.json();
  } catch (error) {
    // A question that was withdrawn, or cut off, while its answer came in is no answer of another shape.
    if (call.signal?.aborted || !(error instanceof SyntaxError))
      throw call.signal?.aborted ? error : unreachable();
    throw misunderstood(path);
  }
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  console.error('An answer did not parse:', path, JSON.stringify(result.error.issues));
  throw misunderstood(path);
}

/** Errors: ApiFailure. */
export function get<Schema extends z.ZodType>(
  schema: Schema,
  path: string,
  signal?: AbortSignal,
): Promise<z.output<Schema>> {
  return parsed(schema, path, { signal });
}

/** Errors: ApiFailure. */
export function post<Schema extends z.ZodType>(
  schema: Schema,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<z.output<Schema>> {
  return parsed(schema, path, { method: 'POST', body, signal });
}

/** For answers without a body (204). Errors: ApiFailure. */
export async function postForNothing(path: string, body?: unknown): Promise<void> {
  await answerOf(path, { method: 'POST', body });
}

/** A long text (the export of the log). Errors: ApiFailure. */
export async function getText(path: string): Promise<string> {
  return (await answerOf(path, {})).text();
}
