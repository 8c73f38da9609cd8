// Registers one endpoint: its row of the guard, its schemas (validation, types, OpenAPI and what may leave, in one),
// and exactly one use-case.

import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { problem } from '../api/problem.ts';
import { admit, type SignedCaller } from './caller.ts';
import type { HttpContext } from './context.ts';
import { type Access, GUARD, type RouteName } from './guard.ts';
import { createWaits, keepAsking } from './waits.ts';

/** Of a body, unless its route says otherwise. */
export const BODY_LIMIT_BYTES = 64 * 1024;

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
type Open = 'anyone' | 'loopback' | 'metrics';
/** Null only where the guard lets in who is not signed in. */
type CallerOf<Name extends RouteName> = (typeof GUARD)[Name] extends Open
  ? SignedCaller | null
  : SignedCaller;

export interface RouteSpec<
  Body extends z.ZodType,
  Query extends z.ZodType,
  Params extends z.ZodType,
  Answer extends z.ZodType,
> {
  /** One line for the OpenAPI document. */
  summary: string;
  body?: Body;
  query?: Query;
  params?: Params;
  answer: Answer;
  /** 200 unless given. */
  status?: 200 | 201 | 204 | 303;
  /** Anything but JSON is sent by the handler itself. */
  contentType?: string;
  /** 64 KiB unless given. */
  bodyLimitBytes?: number;
  /** How failures are told; as problems unless given. */
  failures?: { contentType: string; schema: z.ZodType; send: FailureSender };
}

export type FailureSender = (
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
) => void;

export interface RouteInput<Body, Query, Params, Caller> {
  body: Body;
  query: Query;
  params: Params;
  caller: Caller;
  request: FastifyRequest;
  reply: FastifyReply;
  /** Aborts when the client goes away. */
  gone: AbortSignal;
  /** For what lives on after its answer began: fails once the caller would not be let in any more. */
  askAgain: () => Promise<void>;
}

export function route<
  Name extends RouteName,
  Body extends z.ZodType = z.ZodUndefined,
  Query extends z.ZodType = z.ZodUndefined,
  Params extends z.ZodType = z.ZodUndefined,
  Answer extends z.ZodType = z.ZodNull,
>(
  app: FastifyInstance,
  ctx: HttpContext,
  name: Name,
  spec: RouteSpec<Body, Query, Params, Answer>,
  handle: (
    input: RouteInput<z.output<Body>, z.output<Query>, z.output<Params>, CallerOf<Name>>,
  ) => Promise<z.input<Answer> | FastifyReply>,
): void {
  const [method, url] = name.split(' ') as [Method, string];
  const access: Access = GUARD[name];
  const callers = new WeakMap<FastifyRequest, SignedCaller | null>();
  app.route({
    method,
    url,
    ...(spec.bodyLimitBytes === undefined ? {} : { bodyLimit: spec.bodyLimitBytes }),
    ...(spec.failures === undefined ? {} : { errorHandler: spec.failures.send }),
    schema: {
      summary: spec.summary,
      operationId: operationId(method, url),
      tags: [url.split('/')[2] ?? 'server'],
      ...(access === 'anyone' || access === 'loopback' ? {} : { security: [{ bearer: [] }, { cookie: [] }] }),
      ...(spec.body === undefined ? {} : { body: spec.body }),
      ...(spec.query === undefined ? {} : { querystring: spec.query }),
      ...(spec.params === undefined ? {} : { params: spec.params }),
      response: responses(spec),
    },
    // Before the body is read: a stranger's ten megabytes are not even parsed.
    onRequest: async (request) => {
      callers.set(request, await admit(ctx, name, request));
    },
    handler: async (request, reply) => {
      const gone = new AbortController();
      // After the answer nobody listens any more, and an abort is not free.
      reply.raw.once('close', () => !reply.raw.writableFinished && gone.abort());
      // Who left while their token was looked up gives no event any more.
      if (request.raw.socket.destroyed) gone.abort();
      if (spec.status !== undefined) reply.code(spec.status);
      const caller = callers.get(request) ?? null;
      // Before anything is done, so that a refusal has done nothing.
      const waits = caller !== null && isWaiting(request.query);
      const over = waits ? WAITS.begin(caller.principal.id) : null;
      const askAgain = async () => {
        await admit(ctx, name, request);
      };
      const guarded = waits ? keepAsking(askAgain, gone) : null;
      try {
        // The validator has parsed body, query and params with these very schemas.
        const answer = await handle({
          body: request.body as z.output<Body>,
          query: request.query as z.output<Query>,
          params: request.params as z.output<Params>,
          caller: caller as CallerOf<Name>,
          request,
          reply,
          gone: gone.signal,
          askAgain,
        });
        guarded?.throwIfRefused();
        return answer;
      } finally {
        guarded?.stop();
        over?.();
      }
    },
  });
}

/** All routes share it. */
const WAITS = createWaits();

function isWaiting(query: unknown): boolean {
  return typeof query === 'object' && query !== null && 'wait' in query && Number(query.wait) > 0;
}

function responses(
  spec: Pick<
    RouteSpec<z.ZodType, z.ZodType, z.ZodType, z.ZodType>,
    'answer' | 'status' | 'contentType' | 'body' | 'bodyLimitBytes' | 'failures'
  >,
) {
  const told = spec.failures ?? { contentType: 'application/problem+json', schema: problem };
  const failures: Record<number, string> = {
    400: 'The request could not be read',
    404: 'Not found, or not yours to see',
    409: 'Conflict with the present state',
    422: 'Invalid input',
    429: 'Too many',
    500: 'Something went wrong on the server',
    503: 'Something that this needs cannot be reached',
    401: 'Nobody is signed in, or not with that',
    403: 'Not allowed',
    ...(spec.body === undefined
      ? {}
      : { 413: `The body is over ${(spec.bodyLimitBytes ?? BODY_LIMIT_BYTES) / 1024} KiB`, 415: 'Not JSON' }),
  };
  const problems = Object.fromEntries(
    Object.entries(failures).map(([status, description]) => [
      status,
      { description, content: { [told.contentType]: { schema: told.schema } } },
    ]),
  );
  // Refused before any route is known, so always as problems.
  for (const [status, description] of [
    [414, 'A part of the path is too long'],
    [431, 'The headers are too large'],
  ] as const)
    problems[status] = { description, content: { 'application/problem+json': { schema: problem } } };
  const status = spec.status ?? 200;
  const answer =
    spec.contentType === undefined
      ? spec.answer.describe('The answer')
      : { description: 'The answer', content: { [spec.contentType]: { schema: bodyOf(spec.contentType) } } };
  return { [status]: answer, ...problems };
}

/** Of what a handler sends by itself. */
function bodyOf(contentType: string): z.ZodType {
  return /json$/.test(contentType) ? z.record(z.string(), z.unknown()) : z.string();
}

function operationId(method: string, url: string): string {
  const words = url.split('/').filter((part) => part !== '' && part !== 'api');
  return [method.toLowerCase(), ...words.map((word) => word.replace(/^:/, 'by-'))]
    .join('-')
    .replaceAll('.', '-');
}
