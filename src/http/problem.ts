// The only place that knows status codes: domain failures to RFC 9457 problems, and everything unexpected to a 500
// that tells the client nothing and the log everything.

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import type { Problem } from '../api/problem.ts';
import { codeOf, Failure, type FailureKind } from '../base/errors.ts';

const STATUS: Record<FailureKind, number> = {
  invalid: 422,
  unauthenticated: 401,
  denied: 403,
  'not-found': 404,
  conflict: 409,
  gone: 410,
  'too-large': 413,
  limit: 429,
  unavailable: 503,
  timeout: 504,
};

const TITLE: Record<number, string> = {
  400: 'The request could not be read',
  401: 'Sign in first',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict with the present state',
  410: 'Not there any more',
  408: 'Took too long to send',
  413: 'Too large',
  414: 'Too long',
  415: 'Unsupported media type',
  422: 'Invalid input',
  429: 'Too many',
  431: 'Too large headers',
  500: 'Something went wrong here',
  503: 'Not available now',
  504: 'Took too long',
};

export function problemOf(
  status: number,
  code: string,
  detail: string,
  more: Partial<Problem> = {},
): Problem {
  return {
    type: `https://sallyport.dev/problems/${code}`,
    title: TITLE[status] ?? 'Error',
    status,
    code,
    detail,
    ...more,
  };
}

/** Fastify's error handler. */
export function sendProblem(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemFor(error);
  if (problem.status >= 500) request.log.error({ err: error, cause: error.cause }, 'a request failed');
  else if (error.cause !== undefined) request.log.info({ err: error.cause }, error.message);
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  // Set after the status, and serialised here, so that no response schema of the route drops its fields.
  void reply
    .code(problem.status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send(problem);
}

export function problemFor(error: FastifyError | Error): Problem {
  if (error instanceof Failure) {
    return problemOf(STATUS[error.kind], error.code, error.message, {
      ...(error.field === undefined ? {} : { field: error.field }),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.facts === undefined ? {} : { facts: error.facts }),
    });
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const [first] = error.validation;
    const field = first?.instancePath.replace(/^\//, '').replaceAll('/', '.') ?? '';
    const where = field === '' ? 'The body' : field;
    const what = first?.message?.includes('received undefined')
      ? 'this is required.'
      : (first?.message ?? 'not valid');
    return problemOf(422, 'invalid-input', `${where}: ${what}`, { field });
  }
  if (codeOf(error) === TARGET_REMOVED)
    return problemOf(409, 'target-removed', 'The target was removed meanwhile.', {
      hint: 'Ask for another one.',
    });
  const trouble = storeTrouble(error);
  if (trouble !== null) return trouble;
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  if (status === 413) return problemOf(413, 'body-too-large', 'The body is over the limit of this call.');
  if (status === 414) return problemOf(414, 'uri-too-long', 'A part of the path is over 200 characters.');
  if (status === 415) return problemOf(415, 'unsupported-media-type', 'Send application/json.');
  if (status >= 400 && status < 500) return problemOf(status, 'malformed-request', malformed(error));
  return problemOf(
    500,
    'internal',
    'Something went wrong on the server. Its log says what; nothing was half done.',
  );
}

/** Raised by the store for a grant on a removed target, whoever is faster (db/migrations/0010). */
const TARGET_REMOVED = 'SP404';

const DISK_FULL = /^(53100|ENOSPC|EDQUOT)$/;
/** Lost, refused, busy, stopping, starting, too slow: by SQLSTATE and by system error. */
const STORE_AWAY =
  /^(08...|53...|57P0[1235]|57014|25P0[34]|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/;
/** What the driver says without a code. */
const CONNECTION_LOST =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error)/;

// Errors of a target are failures of their own by now, so what comes bare from a driver is the store's. Whether the
// last statement was still done is not known when a connection breaks, so nothing is promised here.
function storeTrouble(error: Error): Problem | null {
  const code = codeOf(error) ?? '';
  if (DISK_FULL.test(code)) {
    return problemOf(503, 'disk-full', 'The disk under the store is full: nothing new can be written down.', {
      hint: 'Somebody has to make space; then try again. Sessions still end at their deadline.',
    });
  }
  if (!STORE_AWAY.test(code) && !CONNECTION_LOST.test(error.message)) return null;
  return problemOf(503, 'store-unavailable', 'The store cannot be worked with just now.', {
    hint: 'Try again shortly. Sessions still end at their deadline.',
  });
}

function malformed(error: Error): string {
  return error instanceof SyntaxError || /JSON/.test(error.message)
    ? 'The body is not valid JSON.'
    : 'The request is malformed.';
}
