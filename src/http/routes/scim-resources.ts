// What a directory keeps, users and groups: list, create, read, replace, change, delete. Both are kept alike.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { scimBody, scimId, scimListQuery, scimPatch, scimViewQuery } from '../../api/scim.ts';
import * as groups from '../../identity/scim/groups.ts';
import * as users from '../../identity/scim/users.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { ifMatch, SCIM_ROUTE, sendList, sendResource } from '../scim.ts';

const params = z.object({ id: scimId });

const USERS = {
  path: '/scim/v2/Users',
  one: 'user',
  list: users.listUsers,
  create: users.createUser,
  read: users.readUser,
  replace: users.replaceUser,
  patch: users.patchUserBy,
  remove: users.deleteUser,
} as const;

const GROUPS = {
  path: '/scim/v2/Groups',
  one: 'group',
  list: groups.listGroups,
  create: groups.createGroup,
  read: groups.readGroup,
  replace: groups.replaceGroup,
  patch: groups.patchGroup,
  remove: groups.deleteGroup,
} as const;

export function keepUsers(app: FastifyInstance, ctx: HttpContext): void {
  keep(app, ctx, USERS);
}

export function keepGroups(app: FastifyInstance, ctx: HttpContext): void {
  keep(app, ctx, GROUPS);
}

function keep(app: FastifyInstance, ctx: HttpContext, kept: typeof USERS | typeof GROUPS): void {
  const { db } = ctx.grants;
  const { path, one } = kept;
  const read = { ...SCIM_ROUTE, params, query: scimViewQuery };
  const change = { ...SCIM_ROUTE, params };

  route(
    app,
    ctx,
    `GET ${path}`,
    { ...SCIM_ROUTE, summary: `SCIM: ${one}s`, query: scimListQuery },
    async ({ query, request, reply }) => sendList(request, reply, await kept.list(db, query)),
  );
  route(
    app,
    ctx,
    `POST ${path}`,
    { ...SCIM_ROUTE, summary: `SCIM: create a ${one}`, body: scimBody, status: 201 },
    async ({ body, caller, request, reply }) =>
      sendResource(request, reply, await kept.create(db, body, caller)),
  );
  route(
    app,
    ctx,
    `GET ${path}/:id`,
    { ...read, summary: `SCIM: one ${one}` },
    async ({ params: { id }, query, request, reply }) =>
      sendResource(request, reply, await kept.read(db, id, query)),
  );
  route(
    app,
    ctx,
    `PUT ${path}/:id`,
    { ...change, summary: `SCIM: replace a ${one}`, body: scimBody },
    async ({ params: { id }, body, caller, request, reply }) =>
      sendResource(request, reply, await kept.replace(db, { id, ifMatch: ifMatch(request) }, body, caller)),
  );
  route(
    app,
    ctx,
    `PATCH ${path}/:id`,
    { ...change, summary: `SCIM: change a ${one}`, body: scimPatch },
    async ({ params: { id }, body, caller, request, reply }) =>
      sendResource(request, reply, await kept.patch(db, { id, ifMatch: ifMatch(request) }, body, caller)),
  );
  route(
    app,
    ctx,
    `DELETE ${path}/:id`,
    { ...change, summary: `SCIM: delete a ${one}`, status: 204 },
    async ({ params: { id }, caller, request, reply }) => {
      await kept.remove(db, { id, ifMatch: ifMatch(request) }, caller);
      return reply.code(204).send();
    },
  );
}
