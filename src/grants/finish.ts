// Giving a grant back, and taking it away: both are one `endGrant`, they differ in who may.

import { Failure, notFound } from '../base/errors.ts';
import { actorOf } from '../identity/principals.ts';
import type { GrantsContext } from './context.ts';
import { endGrant } from './end.ts';
import type { Caller } from './submit.ts';
import { mayEndGrant, mayReadGrant } from './visibility.ts';

/** Early return by its own principal. Returning twice is one effect and no error. Errors: `unknown-grant`. */
export async function returnGrant(ctx: GrantsContext, caller: Caller, grantId: string): Promise<void> {
  const row = await ctx.db
    .selectFrom('grants')
    .select('id')
    .where('id', '=', grantId)
    .where('principal_id', '=', caller.principal.id)
    .executeTakeFirst();
  if (row === undefined) throw notFound('grant', grantId);
  await ctx.db.transaction().execute((trx) =>
    endGrant(trx, {
      grantId,
      reason: 'returned',
      note: null,
      actor: actorOf(caller.principal),
      byId: caller.principal.id,
    }),
  );
}

/** By an administrator, whoever may approve for the target, or its own principal. Errors: `unknown-grant`, `may-not-revoke`. */
export async function revokeGrant(
  ctx: GrantsContext,
  caller: Caller,
  grantId: string,
  reason: string,
): Promise<void> {
  if (!(await mayReadGrant(ctx, caller, grantId))) throw notFound('grant', grantId);
  if (!(await mayEndGrant(ctx, caller, grantId))) {
    throw new Failure('denied', 'may-not-revoke', 'You may not revoke this grant.', {
      hint: 'Its own principal, whoever may approve for this target, and administrators may.',
    });
  }
  await ctx.db.transaction().execute((trx) =>
    endGrant(trx, {
      grantId,
      reason: 'revoked',
      note: reason,
      actor: actorOf(caller.principal),
      byId: caller.principal.id,
    }),
  );
}
