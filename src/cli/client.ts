// HTTP to the server: one place that sends the token, bounds every answer, checks it against the wire schema and
// turns a problem into the Failure that the server meant.

import type { z } from 'zod';
import { type Problem, problem } from '../api/problem.ts';
import { pageOf } from '../api/text.ts';
import { codeOf, Failure, type FailureKind } from '../base/errors.ts';
import type { Secret } from '../base/secret.ts';

const LARGEST_ANSWER_BYTES = 32 * 1024 * 1024;
const ANSWER_TIMEOUT_SECONDS = 30;
const PAGE_ITEMS = 200;

export type Query = Record<string, string | number | undefined>;

export interface CallOptions {
  query?: Query;
  body?: unknown;
  /** Seconds that the server may hold the answer back (also sent as `wait`). */
  waitSeconds?: number;
  signal?: AbortSignal;
}

export interface Api {
  readonly origin: string;
  /** Now by the server's clock, in ms: what its timestamps are to be compared with. */
  nowMs(): number;
  get<S extends z.ZodType>(path: string, schema: S, options?: CallOptions): Promise<z.output<S>>;
  post<S extends z.ZodType>(path: string, schema: S, options?: CallOptions): Promise<z.output<S>>;
  /** Every item of a paged list, at most `most`. */
  list<S extends z.ZodType>(path: string, item: S, query: Query, most: number): Promise<z.output<S>[]>;
  /** A streamed answer, in pieces as they come. */
  stream(path: string): AsyncIterable<string>;
}

/** A path with every value escaped: path`/api/grants/${id}`. */
export function path(texts: TemplateStringsArray, ...values: string[]): string {
  return texts.reduce((whole, text, i) => whole + encodeURIComponent(values[i - 1] ?? '') + text);
}

export function createApi(origin: string, token: Secret | null, interrupt: AbortSignal): Api {
  let clockOffsetMs = 0;

  async function send(
    method: string,
    where: string,
    options: CallOptions,
    accept: string,
  ): Promise<Response> {
    const url = new URL(where, origin);
    const query = { ...options.query, wait: options.waitSeconds ?? options.query?.wait };
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const timeout = AbortSignal.timeout(((options.waitSeconds ?? 0) + ANSWER_TIMEOUT_SECONDS) * 1000);
    const stop = options.signal === undefined ? interrupt : AbortSignal.any([interrupt, options.signal]);
    try {
      const response = await fetch(url, {
        method,
        redirect: 'error',
        headers: {
          accept,
          ...(token === null ? {} : { authorization: `Bearer ${token.reveal()}` }),
          ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: options.body === undefined ? null : JSON.stringify(options.body),
        // A stream may take as long as it takes; only its beginning is timed, by fetch itself.
        signal: accept === 'application/x-ndjson' ? stop : AbortSignal.any([stop, timeout]),
      });
      clockOffsetMs = offsetFrom(response) ?? clockOffsetMs;
      if (!response.ok) throw await failureFrom(response, origin);
      return response;
    } catch (error) {
      throw transportFailure(error, origin, stop);
    }
  }

  async function call<S extends z.ZodType>(
    method: string,
    where: string,
    schema: S,
    options: CallOptions,
  ): Promise<z.output<S>> {
    const response = await send(method, where, options, 'application/json');
    let raw: unknown;
    try {
      raw = response.status === 204 ? null : JSON.parse(await readText(response));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw transportFailure(error, origin, interrupt);
      throw notSallyport(origin, error);
    }
    const parsed = schema.safeParse(raw);
    if (!parsed.success) throw notSallyport(origin, parsed.error);
    return parsed.data;
  }

  async function list<S extends z.ZodType>(
    where: string,
    item: S,
    query: Query,
    most: number,
  ): Promise<z.output<S>[]> {
    const schema = pageOf(item);
    const items: z.output<S>[] = [];
    let cursor: string | undefined;
    do {
      const limit = Math.min(PAGE_ITEMS, most - items.length);
      const page = await call('GET', where, schema, { query: { ...query, limit, cursor } });
      items.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined && items.length < most);
    return items.slice(0, most);
  }

  async function* stream(where: string): AsyncIterable<string> {
    const response = await send('GET', where, {}, 'application/x-ndjson');
    try {
      yield* textOf(response);
    } catch (error) {
      throw transportFailure(error, origin, interrupt);
    }
  }

  return {
    origin,
    nowMs: () => Date.now() + clockOffsetMs,
    get: (where, schema, options = {}) => call('GET', where, schema, options),
    post: (where, schema, options = {}) => call('POST', where, schema, { body: {}, ...options }),
    list,
    stream,
  };
}

async function* textOf(response: Response): AsyncIterable<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of response.body ?? []) yield decoder.decode(chunk, { stream: true });
  yield decoder.decode();
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > LARGEST_ANSWER_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const KIND_OF_STATUS: Record<number, FailureKind> = {
  400: 'invalid',
  401: 'unauthenticated',
  403: 'denied',
  404: 'not-found',
  408: 'timeout',
  409: 'conflict',
  413: 'too-large',
  422: 'invalid',
  429: 'limit',
  504: 'timeout',
};

async function failureFrom(response: Response, origin: string): Promise<Failure> {
  const told = await problemFrom(response);
  if (told === null) return notSallyport(origin, `status ${response.status}`);
  return new Failure(KIND_OF_STATUS[response.status] ?? 'unavailable', told.code, told.detail, {
    ...(told.field === undefined ? {} : { field: told.field }),
    ...(told.hint === undefined ? {} : { hint: told.hint }),
    ...(told.facts === undefined ? {} : { facts: told.facts }),
  });
}

async function problemFrom(response: Response): Promise<Problem | null> {
  try {
    const parsed = problem.safeParse(JSON.parse(await readText(response)));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

function transportFailure(error: unknown, origin: string, stop: AbortSignal): unknown {
  if (error instanceof Failure) return error;
  if (stop.aborted) return new Failure('conflict', 'interrupted', 'Interrupted.', { cause: error });
  if (error instanceof Error && error.name === 'TimeoutError') {
    return new Failure(
      'timeout',
      'no-answer',
      `${origin} took longer than ${ANSWER_TIMEOUT_SECONDS} s to answer.`,
      {
        hint: 'It may be overloaded, or starting: try again in a moment.',
        cause: error,
      },
    );
  }
  if (!(error instanceof TypeError)) return error;
  const code = codeOf(error.cause);
  return new Failure(
    'unavailable',
    'server-unreachable',
    `${origin} cannot be reached${code === undefined ? '' : ` (${code})`}.`,
    {
      hint: 'Is Sallyport running (`npm start`)? Is the address right (SALLY_SERVER)?',
      cause: error,
    },
  );
}

function notSallyport(origin: string, cause: unknown): Failure {
  return new Failure(
    'unavailable',
    'unexpected-answer',
    `${origin} does not answer as this version of Sallyport does.`,
    {
      hint: 'Is SALLY_SERVER the right address? Are the CLI and the server of the same version?',
      cause,
    },
  );
}

function tooLarge(): Failure {
  return new Failure('too-large', 'answer-too-large', 'The answer is larger than the CLI takes.', {
    hint: 'Ask for less with --limit.',
  });
}

/** The Date header has whole seconds; less than two of difference says nothing. */
function offsetFrom(response: Response): number | null {
  const served = Date.parse(response.headers.get('date') ?? '');
  if (Number.isNaN(served)) return null;
  const offset = served - Date.now();
  return Math.abs(offset) < 2000 ? 0 : offset;
}
