// What kind of data a target's columns hold: list, set, and what their names and samples suggest.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { labelList, setLabelsBody, suggestedLabels, suggestQuery } from '../../api/labels.ts';
import { nameText } from '../../api/text.ts';
import { actorOf } from '../../identity/principals.ts';
import { listLabels, setLabels, suggestLabels } from '../../targets/labels.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const SUGGEST_TIMEOUT_MS = 20_000;
const params = z.object({ name: nameText });

export function labelColumns(app: FastifyInstance, ctx: HttpContext): void {
  const { db, targets } = ctx.grants;
  route(
    app,
    ctx,
    'GET /api/targets/:name/labels',
    { summary: 'List labelled columns of a target', params, answer: labelList },
    async ({ params: { name } }) => ({ items: await listLabels(db, (await targets.byName(name)).id) }),
  );
  route(
    app,
    ctx,
    'POST /api/targets/:name/labels',
    {
      summary: 'Label columns of a target, or take labels away',
      params,
      body: setLabelsBody,
      answer: labelList,
    },
    async ({ params: { name }, body, caller }) => ({
      items: await setLabels(ctx.grants, await targets.byName(name), body, {
        id: caller.principal.id,
        actor: actorOf(caller.principal),
        sourceAddress: caller.sourceAddress,
      }),
    }),
  );
  route(
    app,
    ctx,
    'POST /api/targets/:name/labels/suggest',
    {
      summary: 'Columns of a target that look as if they held personal or secret data',
      params,
      query: suggestQuery,
      answer: suggestedLabels,
    },
    async ({ params: { name }, query, caller, gone }) =>
      suggestLabels(
        ctx.grants,
        await targets.byName(name),
        {
          actor: actorOf(caller.principal),
          sourceAddress: caller.sourceAddress,
          sample: query.sample === 'yes',
        },
        AbortSignal.any([gone, AbortSignal.timeout(SUGGEST_TIMEOUT_MS)]),
      ),
  );
}
