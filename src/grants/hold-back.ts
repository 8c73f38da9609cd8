// No elevation without the log: while it is not what was signed, nothing new begins. Ending always goes on.

import { Failure } from '../base/errors.ts';
import type { GrantsContext } from './context.ts';

/** Errors: `audit-alarm`. Called by everything that gives or lengthens a privilege. */
export function refuseWhileHeldBack(ctx: Pick<GrantsContext, 'heldBack'>): void {
  const why = ctx.heldBack();
  if (why === null) return;
  throw new Failure(
    'unavailable',
    'audit-alarm',
    `Nothing new is granted while the audit log is in alarm: ${why}`,
    {
      hint: 'An auditor has to look: `sally audit verify` names the entry.',
    },
  );
}
