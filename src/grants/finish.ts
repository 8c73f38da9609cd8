// Giving a grant back, and taking it away: both are one `endGrant`, they differ in who may.

import { Failure, notFound } from '../base/errors.ts';
import { actorOf } from '../identity/principals.ts';
import type { GrantsContext } from './context.ts';
import { endAndTakeUp } from './end.ts';
import { grantIdentity } from './known-grants.ts';
import type { StepGrant } from './lease.ts';
import type { Caller } from './submit.ts';
import { mayEndGrant, mayReadGrant } from './visibility.ts';

/** Early return by its own principal: the step to take, or null when it was over before. Errors: `unknown-grant`. */
export async function returnGrant(
  ctx: GrantsContext,
  caller: Caller,
  grantId: string,
): Promise<StepGrant | null> {
  const grant = await grantIdentity(ctx.db, grantId);
  if (grant?.principal_id !== caller.principal.id) throw notFound('grant', grantId);
  return endAndTakeUp(ctx, {
    grant,
    reason: 'returned',
    note: null,
    actor: actorOf(caller.principal),
    sourceAddress: caller.sourceAddress,
    byId: caller.principal.id,
  });
}

/**
 * By an administrator, whoever may approve for the target or did approve it, its owner, or its own principal: the step to take, or null when it
 * was over before.
 * Errors: `unknown-grant`, `may-not-revoke`.
 */
export async function revokeGrant(
  ctx: GrantsContext,
  caller: Caller,
  grantId: string,
  reason: string,
): Promise<StepGrant | null> {
  if (!(await mayReadGrant(ctx, caller, grantId))) throw notFound('grant', grantId);
  if (!(await mayEndGrant(ctx, caller, grantId))) {
    throw new Failure('denied', 'may-not-revoke', 'You may not revoke this grant.', {
      hint: 'Its own principal, whoever may approve for this target, its owner, and administrators may.',
    });
  }
  const grant = await grantIdentity(ctx.db, grantId);
  if (grant === undefined) throw notFound('grant', grantId);
  return endAndTakeUp(ctx, {
    grant,
    reason: 'revoked',
    note: reason,
    actor: actorOf(caller.principal),
    sourceAddress: caller.sourceAddress,
    byId: caller.principal.id,
  });
}
