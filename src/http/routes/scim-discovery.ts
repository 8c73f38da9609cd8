// What this SCIM server can do, and the schemas and types that it knows.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { describeServer } from '../../identity/scim/protocol.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { SCIM_ROUTE, sendList, sendResource } from '../scim.ts';

const params = z.object({ id: z.string().min(1).max(200) });

export function describeScim(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'GET /scim/v2/ServiceProviderConfig',
    { ...SCIM_ROUTE, summary: 'SCIM: what the server can do' },
    async ({ request, reply }) => sendResource(request, reply, await describeServer('ServiceProviderConfig')),
  );
  for (const [name, what] of [
    ['GET /scim/v2/Schemas', 'Schemas'],
    ['GET /scim/v2/ResourceTypes', 'ResourceTypes'],
  ] as const)
    route(app, ctx, name, { ...SCIM_ROUTE, summary: `SCIM: ${what}` }, async ({ request, reply }) =>
      sendList(request, reply, await describeServer(what)),
    );
  for (const [name, what] of [
    ['GET /scim/v2/Schemas/:id', 'Schemas'],
    ['GET /scim/v2/ResourceTypes/:id', 'ResourceTypes'],
  ] as const)
    route(
      app,
      ctx,
      name,
      { ...SCIM_ROUTE, summary: `SCIM: one of ${what}`, params },
      async ({ params: { id }, request, reply }) =>
        sendResource(request, reply, await describeServer(what, id)),
    );
}
