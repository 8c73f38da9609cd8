// Who approves for whom while somebody is away. A person names a stand-in for their own approvals, with an end; it goes
// no further: whoever stands in cannot pass it on, and approves nothing that either of them has asked for.

import { sql } from 'kysely';
import type { DelegateBody, Delegation } from '../api/duty.ts';
import { append } from '../audit/append.ts';
import { conflict, Failure, invalid, notFound } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Db, Trx } from '../db/client.ts';
import type { Administrator } from './administer.ts';
import { actorOf, type Principal, principalByName } from './principals.ts';
import { requireOwnWayIn } from './sign-in-context.ts';
import { spanFrom } from './span.ts';

const LONGEST_DAYS = 30;
/** Of one person, running and to come. */
const MOST_OF_A_PERSON = 20;
const MOST_DELEGATIONS = 2_000;

/** One that runs now. */
export interface StandIn {
  absentId: string;
  standInId: string;
  until: Date;
}

/** All that run now; of one stand-in where one is named. */
export async function standInsNow(db: Db | Trx, standInId?: string): Promise<StandIn[]> {
  const rows = await db
    .selectFrom('delegations')
    .select(['principal_id', 'stand_in_id', 'until_at'])
    .where('ended_at', 'is', null)
    .where('from_at', '<=', sql<Date>`now()`)
    .where('until_at', '>', sql<Date>`now()`)
    .$if(standInId !== undefined, (q) => q.where('stand_in_id', '=', standInId ?? ''))
    .orderBy('until_at')
    .limit(MOST_DELEGATIONS)
    .execute();
  return rows.map((row) => ({ absentId: row.principal_id, standInId: row.stand_in_id, until: row.until_at }));
}

/** What is not over yet, of this principal on either side; of everybody with `all`. */
export async function listDelegations(db: Db, principal: Principal, all: boolean): Promise<Delegation[]> {
  const rows = await selectDelegations(db)
    .where('d.ended_at', 'is', null)
    .where('d.until_at', '>', sql<Date>`now()`)
    .$if(!all, (q) =>
      q.where((eb) =>
        eb.or([eb('d.principal_id', '=', principal.id), eb('d.stand_in_id', '=', principal.id)]),
      ),
    )
    .orderBy('d.from_at')
    .limit(MOST_DELEGATIONS)
    .execute();
  return rows.map(delegationFrom);
}

/**
 * Errors: `unknown-principal`, `own-stand-in`, `stand-in-away`, `too-many-delegations`, `invalid-input`; `handed-out`, since
 * a stand-in's yes would not show through whose hands it came.
 */
export async function delegate(
  db: Db,
  body: DelegateBody,
  by: Administrator & { handedBy?: readonly string[] },
): Promise<Delegation> {
  const { principal } = by;
  requireOwnWayIn(by.handedBy, 'One names a stand-in oneself.');
  const standIn = await principalByName(db, body.standIn);
  if (standIn.kind !== 'person' || standIn.disabled)
    throw invalid('standIn', 'A stand-in is a person who is not disabled.');
  if ((standIn.samePersonAs ?? standIn.id) === (principal.samePersonAs ?? principal.id))
    throw conflict('own-stand-in', 'Nobody stands in for themselves.', { field: 'standIn' });
  return db.transaction().execute(async (trx) => {
    const mine = await sql<{ now: Date }>`
      select now() as now from principals where id = ${principal.id} for no key update`.execute(trx);
    const span = spanFrom(body, mine.rows[0]?.now ?? new Date(), LONGEST_DAYS);
    await refuseTooMany(trx, principal.id);
    await refuseWhoIsAway(trx, standIn, span);
    const id = newId('delegation');
    await trx
      .insertInto('delegations')
      .values({
        id,
        principal_id: principal.id,
        stand_in_id: standIn.id,
        from_at: span.from,
        until_at: span.until,
      })
      .execute();
    const times = { from: span.from.toISOString(), until: span.until.toISOString() };
    await note(trx, 'delegation.added', by, { principal: principal.name, standIn: standIn.name, ...times });
    return delegationFrom(await selectDelegations(trx).where('d.id', '=', id).executeTakeFirstOrThrow());
  });
}

/** By who is away, by the stand-in, or by an administrator; twice is once. Errors: `unknown-delegation`. */
export async function endDelegation(
  db: Db,
  id: string,
  by: Administrator,
  administers: boolean,
): Promise<Delegation> {
  return db.transaction().execute(async (trx) => {
    const row = await selectDelegations(trx).where('d.id', '=', id).executeTakeFirst();
    const mine = row?.absent_id === by.principal.id || row?.stand_in_id === by.principal.id;
    if (row === undefined || !(mine || administers)) throw notFound('delegation', id);
    const done = await trx
      .updateTable('delegations')
      .set({ ended_at: sql<Date>`now()` })
      .where('id', '=', id)
      .where('ended_at', 'is', null)
      .executeTakeFirst();
    if (Number(done.numUpdatedRows) > 0) {
      await note(trx, 'delegation.ended', by, { principal: row.absent_name, standIn: row.stand_in_name });
    }
    return { ...delegationFrom(row), now: false };
  });
}

async function refuseTooMany(trx: Trx, principalId: string): Promise<void> {
  const { count } = await trx
    .selectFrom('delegations')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('principal_id', '=', principalId)
    .where('ended_at', 'is', null)
    .where('until_at', '>', sql<Date>`now()`)
    .executeTakeFirstOrThrow();
  if (count < MOST_OF_A_PERSON) return;
  throw new Failure('limit', 'too-many-delegations', `You have ${MOST_OF_A_PERSON} delegations already.`, {
    hint: 'End one: `sally delegate list`, `sally delegate end <id>`.',
  });
}

// It would not be passed on, so nobody would approve: better said now than found out by a request that waits.
async function refuseWhoIsAway(
  trx: Trx,
  standIn: Principal,
  span: { from: Date; until: Date },
): Promise<void> {
  const away = await trx
    .selectFrom('delegations')
    .select('id')
    .where('principal_id', '=', standIn.id)
    .where('ended_at', 'is', null)
    .where('from_at', '<', span.until)
    .where('until_at', '>', span.from)
    .executeTakeFirst();
  if (away === undefined) return;
  throw conflict(
    'stand-in-away',
    `${standIn.name} has a stand-in of their own in that time, and cannot pass yours on.`,
    {
      field: 'standIn',
      hint: 'Name somebody who is there.',
    },
  );
}

function selectDelegations(db: Db | Trx) {
  return db
    .selectFrom('delegations as d')
    .innerJoin('principals as a', 'a.id', 'd.principal_id')
    .innerJoin('principals as s', 's.id', 'd.stand_in_id')
    .select(['d.id', 'd.from_at', 'd.until_at'])
    .select([
      'a.id as absent_id',
      'a.name as absent_name',
      'a.display_name as absent_display',
      'a.kind as absent_kind',
    ])
    .select(['s.id as stand_in_id', 's.name as stand_in_name', 's.display_name as stand_in_display'])
    .select('s.kind as stand_in_kind')
    .select(sql<boolean>`d.ended_at is null and d.from_at <= now() and d.until_at > now()`.as('now'));
}

type DelegationRow = Awaited<ReturnType<ReturnType<typeof selectDelegations>['executeTakeFirstOrThrow']>>;

function delegationFrom(row: DelegationRow): Delegation {
  const ref = (id: string, name: string, displayName: string, kind: Principal['kind']) => ({
    id,
    name,
    displayName,
    kind,
  });
  return {
    id: row.id,
    principal: ref(row.absent_id, row.absent_name, row.absent_display, row.absent_kind),
    standIn: ref(row.stand_in_id, row.stand_in_name, row.stand_in_display, row.stand_in_kind),
    from: row.from_at.toISOString(),
    until: row.until_at.toISOString(),
    now: row.now,
  };
}

function note(trx: Trx, kind: string, by: Administrator, detail: Record<string, string>) {
  return append(trx, { kind, actor: actorOf(by.principal), sourceAddress: by.sourceAddress, detail });
}
