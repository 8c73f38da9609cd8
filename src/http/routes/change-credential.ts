// A target's administrator has another password, or is another one: tried first, then sealed and used at once.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { changeCredentialBody, checkReport } from '../../api/targets.ts';
import { nameText } from '../../api/text.ts';
import { Secret } from '../../base/secret.ts';
import { actorOf } from '../../identity/principals.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const TIMEOUT_MS = 30_000;
const params = z.object({ name: nameText });

export function changeCredentials(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/targets/:name/credential',
    {
      summary: 'Give a target another administrator’s credential',
      params,
      body: changeCredentialBody,
      answer: checkReport,
    },
    async ({ params: { name }, body, caller, gone }) => {
      const { targets } = ctx.grants;
      const row = await targets.byName(name);
      return targets.change(
        row,
        { admin: { user: body.user ?? targets.adminUser(row), password: new Secret(body.password) } },
        { actor: actorOf(caller.principal), sourceAddress: caller.sourceAddress },
        AbortSignal.any([gone, AbortSignal.timeout(TIMEOUT_MS)]),
      );
    },
  );
}
