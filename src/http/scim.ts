// How SCIM is told over HTTP: its media type, its errors (RFC 7644, 3.12), ETag and Location; the same for all of its
// routes. What a failure is, is decided where it is for all others; only the form differs.

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ERROR_SCHEMA, SCIM_TYPE, type ScimResource } from '../api/scim.ts';
import { Failure } from '../base/errors.ts';
import { problemFor } from './problem.ts';
import type { RouteSpec } from './route.ts';

/** A group of 20,000 members, as Entra and Okta write them. */
const SCIM_BODY_LIMIT_BYTES = 6 * 1024 * 1024;
const RETRY_AFTER_SECONDS = 2;
const WEB_HOSTS = /^[A-Za-z0-9.:[\]-]{1,255}$/;
const DOCUMENTS = /^\/scim\/v2\/(ServiceProviderConfig|Schemas|ResourceTypes)([/?]|$)/;
const NEAR = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

const scimError = z.object({
  schemas: z.array(z.literal(ERROR_SCHEMA)).length(1),
  status: z.string(),
  scimType: z.string().optional(),
  detail: z.string(),
});

type Usual = 'answer' | 'contentType' | 'bodyLimitBytes' | 'failures';

export const SCIM_ROUTE = {
  answer: z.null(),
  contentType: SCIM_TYPE,
  bodyLimitBytes: SCIM_BODY_LIMIT_BYTES,
  failures: { contentType: SCIM_TYPE, schema: scimError, send: sendScimError },
} satisfies Pick<RouteSpec<z.ZodType, z.ZodType, z.ZodType, z.ZodType>, Usual>;

function sendScimError(error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemFor(error);
  const status = statusOf(error, problem.status);
  if (status >= 500) request.log.error({ err: error, cause: error.cause }, 'a SCIM request failed');
  // The form has no place for the stable code, and clients refuse forms with more in them.
  reply.header('sallyport-code', problem.code);
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  if (status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS);
  const { scimType } = problem.facts ?? {};
  const named = typeof scimType === 'string' ? scimType : status === 400 ? 'invalidValue' : undefined;
  send(reply.code(status), {
    schemas: [ERROR_SCHEMA],
    status: String(status),
    ...(named === undefined ? {} : { scimType: named }),
    detail: problem.hint === undefined ? problem.detail : `${problem.detail} ${problem.hint}`,
  });
}

/** What is below /scim/ and no route. */
export function sendNoSuchScim(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const isDocument = DOCUMENTS.test(request.url);
  const status = isDocument ? 405 : 404;
  const detail = isDocument ? 'These documents are only read.' : 'There is no such endpoint.';
  return send(reply.code(status), { schemas: [ERROR_SCHEMA], status: String(status), detail });
}

function statusOf(error: Error, usual: number): number {
  if (error instanceof Failure && error.code === 'scim-version') return 412;
  return usual === 422 ? 400 : usual;
}

/** One resource, with its version. A reader who has that version already gets nothing. */
export function sendResource(
  request: FastifyRequest,
  reply: FastifyReply,
  resource: ScimResource,
): FastifyReply {
  const located = withLocations(request, resource);
  const { meta } = located;
  if (typeof meta === 'object' && meta !== null) {
    const { version, location } = { version: undefined, location: undefined, ...meta };
    if (typeof version === 'string') reply.header('etag', version);
    if (typeof location === 'string') reply.header('location', location);
    if (
      request.method === 'GET' &&
      typeof version === 'string' &&
      request.headers['if-none-match'] === version
    )
      return reply.code(304).send();
  }
  return send(reply, located);
}

export function sendList(request: FastifyRequest, reply: FastifyReply, list: ScimResource): FastifyReply {
  return send(reply, withLocations(request, list));
}

function send(reply: FastifyReply, body: ScimResource): FastifyReply {
  return reply
    .type(`${SCIM_TYPE}; charset=utf-8`)
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send(body);
}

/** The path of each location and reference, with this server in front of it. */
function withLocations(request: FastifyRequest, resource: ScimResource): ScimResource {
  const host = request.headers.host ?? '';
  if (!WEB_HOSTS.test(host)) return resource;
  const origin = `${NEAR.test(host) ? 'http' : 'https'}://${host}`;
  const deep = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(deep);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) =>
        (key === 'location' || key === '$ref') && typeof one === 'string' && one.startsWith('/')
          ? [key, `${origin}${one}`]
          : [key, deep(one)],
      ),
    );
  };
  return Object.fromEntries(Object.entries(resource).map(([key, value]) => [key, deep(value)]));
}

/** The header that says which version a change is meant for. */
export function ifMatch(request: FastifyRequest): string | undefined {
  return request.headers['if-match'];
}
