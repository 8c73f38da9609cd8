// The HTTP server: limits, security headers, schemas, the routes, the portal. Every route of the guard's table must
// be there when it is ready, or it does not start.

import { existsSync } from 'node:fs';
import cookie from '@fastify/cookie';
import fastifyStatic from '@fastify/static';
import swagger from '@fastify/swagger';
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify';
import { jsonSchemaTransform, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { SCIM_TYPE } from '../api/scim.ts';
import { Failure } from '../base/errors.ts';
import { refuseInRecovery } from '../replicas/recovery.ts';
import { tellBrokenClient } from './broken-client.ts';
import { rememberAddress } from './client-address.ts';
import type { HttpContext } from './context.ts';
import { GUARD } from './guard.ts';
import { refuseLargeBody } from './large-body.ts';
import { problemOf, sendProblem } from './problem.ts';
import { BODY_LIMIT_BYTES } from './route.ts';
import { registerRoutes } from './routes.ts';
import { sendNoSuchScim } from './scim.ts';

const REQUEST_TIMEOUT_MS = 90_000;
const HEADERS_TIMEOUT_MS = 10_000;
const MOST_PARAM_CHARS = 200;

const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** Ready to `listen`. Errors: when a row of the guard has no route. */
export async function createServer(ctx: HttpContext): Promise<FastifyInstance> {
  const loggerInstance: FastifyBaseLogger = ctx.log;
  const app = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
    return503OnClosing: true,
    trustProxy: false,
    routerOptions: { maxParamLength: MOST_PARAM_CHARS },
    exposeHeadRoutes: false,
    frameworkErrors: sendProblem,
    clientErrorHandler: tellBrokenClient,
  });
  app.server.headersTimeout = HEADERS_TIMEOUT_MS;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(sendProblem);
  // Nothing reads text, and a form of another site could send it without asking first.
  app.removeContentTypeParser('text/plain');
  acceptEmptyBodies(app);
  app.addHook('onRequest', async (request) => rememberAddress(request, ctx.trustedProxies));
  if (!ctx.servesApi) app.addHook('onRequest', async (request) => requireServedHere(request.url));
  app.addHook('preParsing', refuseLargeBody);
  app.addHook('onRequest', async (request) => {
    if (request.method !== 'GET' && !WORKS_IN_RECOVERY.test(request.url))
      refuseInRecovery(ctx.recovery.state());
  });
  app.addHook('onSend', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    if (/^\/(api|scim)\//.test(request.url)) reply.header('cache-control', 'no-store');
  });
  const registered = new Set<string>();
  app.addHook('onRoute', ({ method, url }) => {
    registered.add(`${String(method)} ${url}`);
  });
  await app.register(cookie);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sallyport',
        version: ctx.version,
        description: 'Just-in-time privilege elevation. Errors are RFC 9457 problems with a stable `code`.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          cookie: { type: 'apiKey', in: 'cookie', name: 'sallyport' },
        },
      },
    },
    transform: jsonSchemaTransform,
  });
  await app.register(async (scope) => registerRoutes(scope, ctx));
  await servePortal(app, ctx.portalFolder);
  await app.ready();
  const missing = Object.keys(GUARD).filter((name) => !registered.has(name));
  if (missing.length > 0)
    throw new Failure('unavailable', 'route-missing', `No route for: ${missing.join(', ')}.`);
  return app;
}

/** Signing in and out, and the signature itself. */
const WORKS_IN_RECOVERY =
  /^\/api\/(sign-in|sign-out|demo\/sign-in|step-up|cli-logins|device-logins|recovery)(\/|\?|$)/;

const SERVED_BY_ALL = new Set(['/healthz', '/readyz', '/metrics']);

function requireServedHere(url: string): void {
  if (SERVED_BY_ALL.has(url.split('?')[0] ?? '')) return;
  throw new Failure('unavailable', 'not-served-here', 'This replica does not serve the portal and the API.', {
    hint: 'Ask one with the role `api`.',
  });
}

// An action without details needs no body: an empty one is an empty object, whatever its content type says.
function acceptEmptyBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser(['application/json', SCIM_TYPE], { parseAs: 'string' }, (request, text, done) => {
    if (text === '') done(null, {});
    else parse(request, String(text), done);
  });
}

async function servePortal(app: FastifyInstance, folder: string): Promise<void> {
  const built = existsSync(`${folder}/index.html`);
  if (built) {
    await app.register(fastifyStatic, {
      root: folder,
      wildcard: false,
      index: ['index.html'],
      setHeaders: (reply, path) => {
        reply.header(
          'cache-control',
          path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
        );
      },
    });
  }
  app.setNotFoundHandler((request, reply) => {
    if (request.url.startsWith('/scim/')) return sendNoSuchScim(request, reply);
    const page =
      request.method === 'GET' &&
      !/^\/(api|scim)\//.test(request.url) &&
      request.headers.accept?.includes('text/html');
    if (page === true && built) return reply.header('cache-control', 'no-cache').sendFile('index.html');
    const problem =
      page === true
        ? problemOf(
            404,
            'portal-not-built',
            'The portal is not built. Start with `npm start`, which builds it.',
          )
        : problemOf(404, 'unknown-route', `There is no ${request.method} ${request.url.slice(0, 200)}.`);
    return reply.code(404).type('application/problem+json; charset=utf-8').send(JSON.stringify(problem));
  });
}
