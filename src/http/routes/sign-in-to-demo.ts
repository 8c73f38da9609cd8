// The demo's one click: only on this machine, only from its own page, only as one of the demo's people.

import type { FastifyInstance } from 'fastify';
import { demoSignInBody, me } from '../../api/people.ts';
import { notFound } from '../../base/errors.ts';
import type { HttpContext } from '../context.ts';
import { fromOf, setCookie } from '../cookies.ts';
import { route } from '../route.ts';
import { meOf } from './get-me.ts';

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
      const from = fromOf(request);
      const signed = await ctx.principals.signInAs(body.person, from);
      setCookie(request, reply, ctx.signIn.publicUrl(), signed);
      return meOf(ctx, { principal: signed.principal, sourceAddress: from.address, mfaAgeSeconds: null });
    },
  );
}
