// The demo's one click: only on this machine, only from its own page, only as one of the demo's people.

import type { FastifyInstance } from 'fastify';
import { demoSignInBody, me } from '../../api/people.ts';
import { notFound } from '../../base/errors.ts';
import { addressOf } from '../client-address.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';
import { meOf } from './get-me.ts';
import { setCookie } from './sign-in.ts';

export function signInToDemo(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/demo/sign-in',
    { summary: "Sign in as one of the demo's people", body: demoSignInBody, answer: me },
    async ({ body, request, reply }) => {
      if (ctx.demo === null || !ctx.demo.people.some((person) => person.name === body.person)) {
        throw notFound('person', body.person);
      }
      const sourceAddress = addressOf(request);
      const signed = await ctx.principals.signInAs(body.person, sourceAddress);
      setCookie(request, reply, signed);
      return meOf(ctx, { principal: signed.principal, sourceAddress });
    },
  );
}
