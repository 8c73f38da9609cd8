// A proposal's row: who may see it, and the lock under which it is decided once and for good.

import { type Selectable, sql } from 'kysely';
import { conflict, notFound } from '../base/errors.ts';
import type { Trx } from '../db/client.ts';
import type { Tables } from '../db/tables.ts';
import type { GrantsContext } from '../grants/context.ts';
import { mayOnPlatform, seesEverything } from '../grants/platform-rights.ts';
import type { Caller } from '../grants/submit.ts';

export type ProposalRow = Omit<Selectable<Tables['policy_proposals']>, 'plan'>;

export const PROPOSAL_COLUMNS = [
  'id',
  'digest',
  'base_digest',
  'files',
  'comment',
  'live_grants',
  'pack',
  'rollback',
  'state',
  'proposed_by',
  'source_address',
  'proposed_at',
  'expires_at',
  'decided_by',
  'decided_at',
  'reason',
  'handed_by',
] as const;

/** Who may change policy, administer or audit sees all; others what they proposed themselves. */
export function seesProposals(ctx: Pick<GrantsContext, 'policies'>, caller: Caller): boolean {
  return mayOnPlatform(ctx, caller, 'changePolicy') || seesEverything(ctx, caller);
}

/** Errors: `unknown-proposal`, also for one that the caller may not see. */
export async function visibleProposal(
  ctx: GrantsContext,
  caller: Caller,
  id: string,
): Promise<{ row: ProposalRow; plan: object | null }> {
  const found = await ctx.db
    .selectFrom('policy_proposals')
    .select([...PROPOSAL_COLUMNS, 'plan'])
    .where('id', '=', id)
    .executeTakeFirst();
  const seen = found?.proposed_by === caller.principal.id || seesProposals(ctx, caller);
  if (found === undefined || !seen) throw notFound('proposal', id);
  const { plan, ...row } = found;
  return { row, plan };
}

const OVER = {
  published: 'It is in force already.',
  refused: 'It was refused.',
  withdrawn: 'It was withdrawn.',
  expired: 'It has expired; propose it again.',
  outdated: 'Other policies came into force meanwhile; plan it again and propose it anew.',
} as const;

/** Locks it until the transaction ends. Errors: `unknown-proposal`; `proposal-over`, which says how it ended. */
export async function lockOpenProposal(trx: Trx, id: string): Promise<ProposalRow> {
  const row = await trx
    .selectFrom('policy_proposals')
    .select(PROPOSAL_COLUMNS)
    .select(sql<boolean>`expires_at <= now()`.as('late'))
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) throw notFound('proposal', id);
  const state = row.state === 'open' && row.late ? 'expired' : row.state;
  if (state !== 'open') {
    throw conflict('proposal-over', `This change is not open any more. ${OVER[state]}`, { facts: { state } });
  }
  return row;
}
