// A target has other nodes, or another address: tried first, and with the grants that are live there.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { changeSettingsBody, checkReport } from '../../api/targets.ts';
import { nameText } from '../../api/text.ts';

import { actorOf } from '../../identity/principals.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const TIMEOUT_MS = 30_000;
const params = z.object({ name: nameText });

export function changeTargetSettings(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/targets/:name/settings',
    { summary: 'Change a target’s settings', params, body: changeSettingsBody, answer: checkReport },
    async ({ params: { name }, body, caller, gone }) => {
      const { targets } = ctx.grants;
      const row = await targets.byName(name);
      const kept = Object.entries({ ...row.settings, ...body.settings }).filter(
        ([, value]) => value !== null,
      );
      return targets.change(
        row,
        { settings: Object.fromEntries(kept) },
        { actor: actorOf(caller.principal), sourceAddress: caller.sourceAddress },
        AbortSignal.any([gone, AbortSignal.timeout(TIMEOUT_MS)]),
      );
    },
  );
}
