// Who is on call for a group, as a schedule that administrators keep. A shift counts while its person is in the group;
// one that is ended stays in the store, because what was approved in it was approved by somebody on call.

import { sql } from 'kysely';
import type { AddShiftBody, Shift } from '../api/duty.ts';
import { append } from '../audit/append.ts';
import { conflict, invalid, notFound } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Db, Trx } from '../db/client.ts';
import type { Administrator } from './administer.ts';
import { actorOf, principalByName } from './principals.ts';
import { spanFrom } from './span.ts';

const LONGEST_DAYS = 31;
const MOST_SHIFTS = 2_000;

/** What is not over yet, the earliest first. */
export async function listShifts(db: Db): Promise<Shift[]> {
  const rows = await selectShifts(db)
    .where('s.ended_at', 'is', null)
    .where('s.until_at', '>', sql<Date>`now()`)
    .orderBy('s.from_at')
    .limit(MOST_SHIFTS)
    .execute();
  return rows.map(shiftFrom);
}

/** Errors: `unknown-principal`, `not-in-group`, `invalid-input` for times that cannot be. */
export async function addShift(db: Db, body: AddShiftBody, by: Administrator): Promise<Shift> {
  const principal = await principalByName(db, body.principal);
  if (principal.kind !== 'person') throw invalid('principal', 'Only people are on call.');
  if (!principal.groups.includes(body.group)) {
    throw conflict('not-in-group', `${body.principal} is not in the group ${body.group}.`, {
      field: 'group',
    });
  }
  return db.transaction().execute(async (trx) => {
    const { now } = await sql<{ now: Date }>`select now() as now`
      .execute(trx)
      .then(({ rows }) => rows[0] ?? { now: new Date() });
    const span = spanFrom(body, now, LONGEST_DAYS);
    const id = newId('shift');
    await trx
      .insertInto('on_call_shifts')
      .columns(['id', 'group_id', 'principal_id', 'from_at', 'until_at', 'created_by'])
      .expression((eb) =>
        eb
          .selectFrom('groups')
          .where('name', '=', body.group)
          .select([
            sql.val(id).as('id'),
            'groups.id as group_id',
            sql.val(principal.id).as('principal_id'),
            sql<Date>`${span.from}::timestamptz`.as('from_at'),
            sql<Date>`${span.until}::timestamptz`.as('until_at'),
            sql.val(by.principal.id).as('created_by'),
          ]),
      )
      .execute();
    await note(trx, 'on-call.added', by, { group: body.group, principal: body.principal, ...texts(span) });
    return shiftFrom(await selectShifts(trx).where('s.id', '=', id).executeTakeFirstOrThrow());
  });
}

/** Ends it now, or takes it back where it has not begun; twice is once. Errors: `unknown-shift`. */
export async function endShift(db: Db, id: string, by: Administrator): Promise<Shift> {
  return db.transaction().execute(async (trx) => {
    const row = await selectShifts(trx).where('s.id', '=', id).executeTakeFirst();
    if (row === undefined) throw notFound('shift', id);
    const done = await trx
      .updateTable('on_call_shifts')
      .set({ ended_at: sql<Date>`now()` })
      .where('id', '=', id)
      .where('ended_at', 'is', null)
      .executeTakeFirst();
    if (Number(done.numUpdatedRows) > 0)
      await note(trx, 'on-call.ended', by, { group: row.group, principal: row.name });
    return { ...shiftFrom(row), now: false };
  });
}

function selectShifts(db: Db | Trx) {
  return db
    .selectFrom('on_call_shifts as s')
    .innerJoin('groups as g', 'g.id', 's.group_id')
    .innerJoin('principals as p', 'p.id', 's.principal_id')
    .select(['s.id', 'g.name as group', 's.from_at', 's.until_at'])
    .select(['p.id as principal_id', 'p.name', 'p.display_name', 'p.kind'])
    .select(sql<boolean>`s.ended_at is null and s.from_at <= now() and s.until_at > now()`.as('now'));
}

type ShiftRow = Awaited<ReturnType<ReturnType<typeof selectShifts>['executeTakeFirstOrThrow']>>;

function shiftFrom(row: ShiftRow): Shift {
  const { id, group, name, kind, now } = row;
  return {
    id,
    group,
    principal: { id: row.principal_id, name, displayName: row.display_name, kind },
    from: row.from_at.toISOString(),
    until: row.until_at.toISOString(),
    now,
  };
}

function texts(span: { from: Date; until: Date }) {
  return { from: span.from.toISOString(), until: span.until.toISOString() };
}

function note(trx: Trx, kind: string, by: Administrator, detail: Record<string, string>) {
  return append(trx, { kind, actor: actorOf(by.principal), sourceAddress: by.sourceAddress, detail });
}
