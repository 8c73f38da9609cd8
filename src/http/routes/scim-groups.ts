// The directory's groups: list, create, read, replace, change, delete.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { scimBody, scimId, scimListQuery, scimPatch, scimViewQuery } from '../../api/scim.ts';
import {
  createGroup,
  deleteGroup,
  listGroups,
  patchGroup,
  readGroup,
  replaceGroup,
} from '../../identity/scim/groups.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { ifMatch, SCIM_ROUTE, sendList, sendResource } from '../scim.ts';

const params = z.object({ id: scimId });

export function keepGroups(app: FastifyInstance, ctx: HttpContext): void {
  const { db } = ctx.grants;
  const read = { ...SCIM_ROUTE, params, query: scimViewQuery };
  const change = { ...SCIM_ROUTE, params };

  route(
    app,
    ctx,
    'GET /scim/v2/Groups',
    { ...SCIM_ROUTE, summary: 'SCIM: groups', query: scimListQuery },
    async ({ query, request, reply }) => sendList(request, reply, await listGroups(db, query)),
  );
  route(
    app,
    ctx,
    'POST /scim/v2/Groups',
    { ...SCIM_ROUTE, summary: 'SCIM: create a group', body: scimBody, status: 201 },
    async ({ body, caller, request, reply }) =>
      sendResource(request, reply, await createGroup(db, body, caller)),
  );
  route(
    app,
    ctx,
    'GET /scim/v2/Groups/:id',
    { ...read, summary: 'SCIM: one group' },
    async ({ params: { id }, query, request, reply }) =>
      sendResource(request, reply, await readGroup(db, id, query)),
  );
  route(
    app,
    ctx,
    'PUT /scim/v2/Groups/:id',
    { ...change, summary: 'SCIM: replace a group', body: scimBody },
    async ({ params: { id }, body, caller, request, reply }) =>
      sendResource(request, reply, await replaceGroup(db, { id, ifMatch: ifMatch(request) }, body, caller)),
  );
  route(
    app,
    ctx,
    'PATCH /scim/v2/Groups/:id',
    { ...change, summary: 'SCIM: change a group', body: scimPatch },
    async ({ params: { id }, body, caller, request, reply }) =>
      sendResource(request, reply, await patchGroup(db, { id, ifMatch: ifMatch(request) }, body, caller)),
  );
  route(
    app,
    ctx,
    'DELETE /scim/v2/Groups/:id',
    { ...change, summary: 'SCIM: delete a group', status: 204 },
    async ({ params: { id }, caller, request, reply }) => {
      await deleteGroup(db, { id, ifMatch: ifMatch(request) }, caller);
      return reply.code(204).send();
    },
  );
}
