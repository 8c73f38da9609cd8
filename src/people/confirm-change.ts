// The second person's word on a change of people. What it would do is worked out again by the policies and groups of now:
// where it means more than was shown, nobody has agreed to that.

import { type Selectable, sql } from 'kysely';
import type { ChangedPrincipal, PeopleChange } from '../api/people-changes.ts';
import { append } from '../audit/append.ts';
import { conflict, Failure, notFound } from '../base/errors.ts';
import type { Trx } from '../db/client.ts';
import type { Tables } from '../db/tables.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import type { Caller } from '../grants/submit.ts';
import { type ProviderSettings, viewPrincipal } from '../identity/principal-view.ts';
import { actorOf, principalById } from '../identity/principals.ts';
import { carryOut, whyTwoFor } from './change-principal.ts';
import type { ChangeSet } from './change-set.ts';
import { viewChange } from './change-view.ts';
import { rightsOf } from './confers.ts';
import { whyNoSecond } from './second.ts';

type Row = Selectable<Tables['people_changes']>;

/** Errors: `unknown-change`, `change-over`, `may-not-confirm`, `proposer-may-not`, `means-more`, `still-ending`. */
export async function confirmChange(
  ctx: GrantsContext,
  provider: ProviderSettings,
  id: string,
  caller: Caller,
): Promise<ChangedPrincipal> {
  await ctx.policies.refresh();
  return ctx.db.transaction().execute(async (trx) => {
    const row = await lockOpen(trx, id);
    await sql`select 1 from principals where id = ${row.principal_id} for update`.execute(trx);
    const [principal, proposer] = [
      await principalById(trx, row.principal_id),
      await principalById(trx, row.proposed_by),
    ];
    const why = await whyNoSecond(ctx, trx, caller, {
      proposer,
      handedBy: row.proposed_handed_by,
      principal,
    });
    if (why !== null) throw new Failure('denied', 'may-not-confirm', why);
    if (proposer.disabled || !rightsOf(ctx.policies.current(), proposer).includes('administer')) {
      throw conflict('proposer-may-not', `${proposer.displayName} may not administer any more.`, {
        hint: 'Make the change yourself, and let somebody else confirm it.',
      });
    }
    const set = row.change as ChangeSet;
    const now = await whyTwoFor(ctx, trx, { principal, set }, proposer);
    const more = [...now.gives, ...now.besides].filter((text) => !row.why_two.includes(text));
    if (more.length > 0) {
      throw conflict('means-more', `It would do more by now than when it was proposed: ${more.join(' ')}`, {
        hint: 'Refuse it, and propose it anew.',
      });
    }
    await decide(trx, row, 'confirmed', null, caller);
    const first = { principal: proposer, sourceAddress: row.source_address };
    await carryOut(trx, { principal, set, reason: row.reason }, { first, alone: false, second: caller });
    return {
      principal: await viewPrincipal(trx, await principalById(trx, principal.id), provider),
      waiting: await viewChange(ctx, trx, id, caller),
    };
  });
}

/** By whoever could confirm it; by its proposer it is withdrawn. Errors: `unknown-change`, `change-over`, `may-not`. */
export async function refuseChange(
  ctx: GrantsContext,
  id: string,
  reason: string,
  caller: Caller,
): Promise<PeopleChange> {
  return ctx.db.transaction().execute(async (trx) => {
    const row = await lockOpen(trx, id);
    const own = row.proposed_by === caller.principal.id;
    const could = rightsOf(ctx.policies.current(), caller.principal).some((right) => right !== 'audit');
    if (!own && !could)
      throw new Failure('denied', 'may-not', 'Only who may administer or change policies refuses it.');
    const state = own ? 'withdrawn' : 'refused';
    await decide(trx, row, state, reason, caller);
    const principal = await principalById(trx, row.principal_id);
    await append(trx, {
      kind: `principal.change-${state}`,
      actor: actorOf(caller.principal),
      sourceAddress: caller.sourceAddress,
      detail: {
        changeId: id,
        principal: { id: principal.id, name: principal.name, kind: principal.kind },
        reason,
      },
    });
    return viewChange(ctx, trx, id, caller);
  });
}

async function lockOpen(trx: Trx, id: string): Promise<Row> {
  const row = await trx
    .selectFrom('people_changes')
    .selectAll()
    .select(sql<boolean>`expires_at <= now()`.as('late'))
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) throw notFound('change', id);
  const state = row.state === 'open' && row.late ? 'expired' : row.state;
  if (state !== 'open')
    throw conflict('change-over', `This change does not wait any more: it is ${state}.`, {
      facts: { state },
    });
  return row;
}

async function decide(
  trx: Trx,
  row: Row,
  state: 'confirmed' | 'refused' | 'withdrawn',
  reason: string | null,
  caller: Caller,
): Promise<void> {
  await trx
    .updateTable('people_changes')
    .set({ state, decided_reason: reason, decided_at: sql<Date>`now()`, decided_by: caller.principal.id })
    .where('id', '=', row.id)
    .execute();
  await publish(trx, { topic: 'people', id: row.id });
}
