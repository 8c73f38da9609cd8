// Whose registration link it is, and the question that their new passkey answers.

import type { FastifyInstance } from 'fastify';
import { openedLink, openLinkBody } from '../../api/sign-in.ts';
import { openLink } from '../../identity/registration-links.ts';
import { addressOf } from '../client-address.ts';
import type { HttpContext } from '../context.ts';
import { setPasskeyCookie } from '../cookies.ts';
import { route } from '../route.ts';

export function openRegistrationLinks(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/registration/options',
    { summary: 'Open a registration link', body: openLinkBody, answer: openedLink },
    async ({ body, request, reply }) => {
      const { principal, options, secret } = await openLink(ctx.signIn, body.code, addressOf(request));
      setPasskeyCookie(request, reply, ctx.signIn.publicUrl(), secret);
      return { name: principal.name, displayName: principal.displayName, options };
    },
  );
}
