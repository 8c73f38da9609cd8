// A link with which a person registers a passkey; it is shown once, here.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { issuedLink, issueLinkBody } from '../../api/sign-in.ts';
import { nameText } from '../../api/text.ts';
import { parseDuration } from '../../base/duration.ts';
import { handOutLink } from '../../people/hand-out.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ name: nameText });

export function issueRegistrationLinks(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/principals/:name/registration-link',
    { summary: 'Issue a registration link', params, body: issueLinkBody, answer: issuedLink, status: 201 },
    async ({ params: { name }, body, caller }) => {
      const lifetimeSeconds = parseDuration(body.lifetime, 'lifetime');
      return handOutLink(ctx.grants, ctx.signIn, { name, lifetimeSeconds }, caller);
    },
  );
}
