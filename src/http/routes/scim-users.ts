// The directory's users: list, create, read, replace, change, delete.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { scimBody, scimId, scimListQuery, scimPatch, scimViewQuery } from '../../api/scim.ts';
import {
  createUser,
  deleteUser,
  listUsers,
  patchUserBy,
  readUser,
  replaceUser,
} from '../../identity/scim/users.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { ifMatch, SCIM_ROUTE, sendList, sendResource } from '../scim.ts';

const params = z.object({ id: scimId });

export function keepUsers(app: FastifyInstance, ctx: HttpContext): void {
  const { db } = ctx.grants;
  const read = { ...SCIM_ROUTE, params, query: scimViewQuery };
  const change = { ...SCIM_ROUTE, params };

  route(
    app,
    ctx,
    'GET /scim/v2/Users',
    { ...SCIM_ROUTE, summary: 'SCIM: users', query: scimListQuery },
    async ({ query, request, reply }) => sendList(request, reply, await listUsers(db, query)),
  );
  route(
    app,
    ctx,
    'POST /scim/v2/Users',
    { ...SCIM_ROUTE, summary: 'SCIM: create a user', body: scimBody, status: 201 },
    async ({ body, caller, request, reply }) =>
      sendResource(request, reply, await createUser(db, body, caller)),
  );
  route(
    app,
    ctx,
    'GET /scim/v2/Users/:id',
    { ...read, summary: 'SCIM: one user' },
    async ({ params: { id }, query, request, reply }) =>
      sendResource(request, reply, await readUser(db, id, query)),
  );
  route(
    app,
    ctx,
    'PUT /scim/v2/Users/:id',
    { ...change, summary: 'SCIM: replace a user', body: scimBody },
    async ({ params: { id }, body, caller, request, reply }) =>
      sendResource(request, reply, await replaceUser(db, { id, ifMatch: ifMatch(request) }, body, caller)),
  );
  route(
    app,
    ctx,
    'PATCH /scim/v2/Users/:id',
    { ...change, summary: 'SCIM: change a user', body: scimPatch },
    async ({ params: { id }, body, caller, request, reply }) =>
      sendResource(request, reply, await patchUserBy(db, { id, ifMatch: ifMatch(request) }, body, caller)),
  );
  route(
    app,
    ctx,
    'DELETE /scim/v2/Users/:id',
    { ...change, summary: 'SCIM: delete a user', status: 204 },
    async ({ params: { id }, caller, request, reply }) => {
      await deleteUser(db, { id, ifMatch: ifMatch(request) }, caller);
      return reply.code(204).send();
    },
  );
}
