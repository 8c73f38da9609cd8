// The ends of a proposal that put nothing in force: refused by somebody who may sign, withdrawn by its proposer,
// expired after a week.

import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { Failure, notFound } from '../base/errors.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import { mayOnPlatform } from '../grants/platform-rights.ts';
import type { Caller } from '../grants/submit.ts';
import { actorOf } from '../identity/principals.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import { lockOpenProposal, visibleProposal } from './proposal-row.ts';

const EXPIRY_EVERY_MS = 10_000;

/** Errors: `unknown-proposal`; `proposal-over`; `may-not` (the proposer withdraws instead). */
export async function refuse(ctx: GrantsContext, caller: Caller, id: string, reason: string): Promise<void> {
  await visibleProposal(ctx, caller, id);
  if (!mayOnPlatform(ctx, caller, 'changePolicy')) {
    throw new Failure('denied', 'may-not', 'Only who may change policies refuses a change.');
  }
  await close(ctx, caller, id, 'refused', reason);
}

/** By its proposer only; for others there is nothing to withdraw. Errors: `unknown-proposal`; `proposal-over`. */
export async function withdraw(ctx: GrantsContext, caller: Caller, id: string): Promise<void> {
  const { row } = await visibleProposal(ctx, caller, id);
  if (row.proposed_by !== caller.principal.id) throw notFound('proposal', id);
  await close(ctx, caller, id, 'withdrawn', null);
}

async function close(
  ctx: GrantsContext,
  caller: Caller,
  id: string,
  state: 'refused' | 'withdrawn',
  reason: string | null,
): Promise<void> {
  await ctx.db.transaction().execute(async (trx) => {
    const row = await lockOpenProposal(trx, id);
    await trx
      .updateTable('policy_proposals')
      .set({ state, reason, decided_at: sql`now()`, decided_by: caller.principal.id })
      .where('id', '=', id)
      .execute();
    await append(trx, {
      kind: `policy.${state}`,
      actor: actorOf(caller.principal),
      sourceAddress: caller.sourceAddress,
      policyDigest: row.digest,
      detail: { proposalId: id, digest: row.digest, reason },
    });
    await publish(trx, { topic: 'policies', id });
  });
}

export function createProposalExpiry(ctx: GrantsContext): Repeating {
  return repeat(ctx, 'proposal expiry', EXPIRY_EVERY_MS, async () => {
    await expireProposals(ctx);
    return undefined;
  });
}

/** How many were expired. */
export async function expireProposals(ctx: Pick<GrantsContext, 'db'>): Promise<number> {
  return ctx.db.transaction().execute(async (trx) => {
    const due = await trx
      .selectFrom('policy_proposals')
      .select(['id', 'digest'])
      .where('state', '=', 'open')
      .where('expires_at', '<=', sql<Date>`now()`)
      .forUpdate()
      .skipLocked()
      .execute();
    for (const { id, digest } of due) {
      await trx
        .updateTable('policy_proposals')
        .set({ state: 'expired', decided_at: sql`now()` })
        .where('id', '=', id)
        .execute();
      await append(trx, {
        kind: 'policy.expired',
        actor: SYSTEM_ACTOR,
        policyDigest: digest,
        detail: { proposalId: id, digest },
      });
      await publish(trx, { topic: 'policies', id });
    }
    return due.length;
  });
}
