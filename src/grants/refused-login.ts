// Somebody knows a grant's login and not its secret: that stands in the log. A login that no grant has leaves nothing
// there, because anybody can invent one (the gateway counts and slows those: failure-limit.ts).

import { append } from '../audit/append.ts';
import type { Seldom } from '../audit/seldom.ts';
import { actorOf, principalById } from '../identity/principals.ts';
import type { GrantsContext } from './context.ts';

/** Errors: the store's. */
export async function noteRefusedLogin(
  ctx: Pick<GrantsContext, 'db'>,
  seldom: Seldom,
  input: { login: string; clientAddress: string },
): Promise<void> {
  const grant = await ctx.db
    .selectFrom('grants')
    .select(['id', 'request_id', 'target_id', 'principal_id'])
    .where('login', '=', input.login)
    .executeTakeFirst();
  if (grant === undefined) return;
  const unsaidBefore = seldom.due(`${grant.id} ${input.clientAddress}`);
  if (unsaidBefore === null) return;
  const holder = await principalById(ctx.db, grant.principal_id);
  await ctx.db.transaction().execute((trx) =>
    append(trx, {
      kind: 'session.refused',
      actor: actorOf(holder),
      requestId: grant.request_id,
      grantId: grant.id,
      targetId: grant.target_id,
      sourceAddress: input.clientAddress,
      detail: { code: 'wrong-secret', unsaidBefore },
    }),
  );
}
