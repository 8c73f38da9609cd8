// Changes of people that wait or waited for a second person, as they are shown to those who could be it.

import type { PeopleChange } from '../api/people-changes.ts';
import { notFound } from '../base/errors.ts';
import type { Db, Trx } from '../db/client.ts';
import type { GrantsContext } from '../grants/context.ts';
import type { Caller } from '../grants/submit.ts';
import { type Principal, principalsById, refOf } from '../identity/principals.ts';
import { type ChangeSet, changeTexts } from './change-set.ts';
import { whyNoSecond } from './second.ts';

const MOST_SHOWN = 200;
const OVER = 'It is over.';

/** The open ones, then those of before, the newest first; at most 200. */
export async function listChanges(ctx: GrantsContext, caller: Caller): Promise<PeopleChange[]> {
  const rows = await selectChanges(ctx.db)
    .orderBy((eb) => eb('state', '=', 'open'), 'desc')
    .orderBy('id', 'desc')
    .limit(MOST_SHOWN)
    .execute();
  return viewAll(ctx, ctx.db, rows, caller);
}

/** Errors: `unknown-change`. */
export async function viewChange(
  ctx: Pick<GrantsContext, 'policies'>,
  db: Db | Trx,
  id: string,
  caller: Caller,
): Promise<PeopleChange> {
  const rows = await selectChanges(db).where('id', '=', id).execute();
  const [view] = await viewAll(ctx, db, rows, caller);
  if (view === undefined) throw notFound('change', id);
  return view;
}

const selectChanges = (db: Db | Trx) =>
  db
    .selectFrom('people_changes')
    .selectAll()
    .select((eb) => eb('expires_at', '<=', eb.fn<Date>('now')).as('late'));

type Row = Awaited<ReturnType<ReturnType<typeof selectChanges>['execute']>>[number];

async function viewAll(
  ctx: Pick<GrantsContext, 'policies'>,
  db: Db | Trx,
  rows: Row[],
  caller: Caller,
): Promise<PeopleChange[]> {
  const ids = rows.flatMap((row) => {
    const set = row.change as ChangeSet;
    return [row.principal_id, row.proposed_by, row.decided_by, set.managerId, set.sponsorId];
  });
  const known = await principalsById(db, [...new Set(ids.flatMap((id) => id ?? []))]);
  const views: PeopleChange[] = [];
  for (const row of rows) {
    const [principal, proposer] = [known.get(row.principal_id), known.get(row.proposed_by)];
    if (principal === undefined || proposer === undefined) continue;
    const state = row.state === 'open' && row.late ? 'expired' : row.state;
    views.push({
      id: row.id,
      principal: refOf(principal),
      does: changeTexts(row.change as ChangeSet, (id) => known.get(id)?.name ?? id),
      whyTwo: row.why_two,
      reason: row.reason,
      state,
      proposedBy: refOf(proposer),
      proposedAt: row.proposed_at.toISOString(),
      expiresAt: row.expires_at.toISOString(),
      decidedBy: refOrNull(known.get(row.decided_by ?? '')),
      decidedAt: row.decided_at?.toISOString() ?? null,
      decidedReason: row.decided_reason,
      mayNotConfirm:
        state === 'open'
          ? await whyNoSecond(ctx, db, caller, { proposer, handedBy: row.proposed_handed_by, principal })
          : OVER,
    });
  }
  return views;
}

const refOrNull = (principal: Principal | undefined) => (principal === undefined ? null : refOf(principal));
