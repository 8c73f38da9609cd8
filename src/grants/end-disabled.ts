// Grants of disabled principals end. Found by looking, not by being told, so that it does not matter which part of the
// program, or which directory, disabled them.

import { SYSTEM_ACTOR } from '../audit/append.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import type { GrantsContext } from './context.ts';
import { endGrant } from './end.ts';

const EVERY_MS = 1_000;
const BATCH = 200;

export function createDisabledWatch(ctx: GrantsContext): Repeating {
  return repeat(ctx, 'disabled principals', EVERY_MS, async () => {
    const found = await ctx.db
      .selectFrom('grants as g')
      .innerJoin('principals as p', 'p.id', 'g.principal_id')
      .select(['g.id', 'g.request_id', 'g.target_id', 'g.login'])
      .where('g.wanted', '=', 'present')
      .where('p.disabled_at', 'is not', null)
      .limit(BATCH)
      .execute();
    for (const grant of found) {
      await endGrant(ctx.db, {
        grant,
        reason: 'principal-disabled',
        note: 'Its principal was disabled.',
        actor: SYSTEM_ACTOR,
        byId: null,
      });
    }
    return found.length === BATCH ? 0 : undefined;
  });
}
