// Disabling a principal. It ends nothing by itself: tokens are worth nothing at once, and reconcile finds the grants. What
// else administrators do with principals may take two people, and so lives in people/; tokens: manage-tokens.ts.

import { sql } from 'kysely';
import type { PrincipalView } from '../api/people.ts';
import { append } from '../audit/append.ts';
import { conflict } from '../base/errors.ts';
import type { Db } from '../db/client.ts';
import { type ProviderSettings, viewPrincipal } from './principal-view.ts';
import { actorOf, type Principal, principalById, principalByName } from './principals.ts';

/** Who does it, and from where. */
export interface Administrator {
  principal: Principal;
  sourceAddress: string;
}

/** Twice is once. Errors: `unknown-principal`; `own-account` for oneself, so that nobody locks themselves out. */
export async function disablePrincipal(
  db: Db,
  provider: ProviderSettings,
  asked: { name: string; reason: string },
  by: Administrator,
): Promise<PrincipalView> {
  const { name, reason } = asked;
  const principal = await principalByName(db, name);
  if (principal.id === by.principal.id) throw conflict('own-account', 'Nobody disables their own account.');
  await db.transaction().execute(async (trx) => {
    const done = await trx
      .updateTable('principals')
      .set({ disabled_at: sql<Date>`now()` })
      .where('id', '=', principal.id)
      .where('disabled_at', 'is', null)
      .executeTakeFirst();
    if (Number(done.numUpdatedRows) === 0) return;
    await append(trx, {
      kind: 'principal.disabled',
      actor: actorOf(by.principal),
      sourceAddress: by.sourceAddress,
      detail: { principal: { id: principal.id, name, kind: principal.kind }, reason },
    });
  });
  return viewPrincipal(db, await principalById(db, principal.id), provider);
}
