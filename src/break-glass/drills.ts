// Drills: break-glass that is rehearsed, so that it works on the day. A drill is ordered when it is due; whoever it is
// ordered of does the real thing, marked as a drill, and its review is a real one. The score is read off what happened.

import { sql } from 'kysely';
import type { z } from 'zod';
import type { Drill, drillList, scheduleDrillBody } from '../api/break-glass.ts';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { conflict, Failure, notFound } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import { type Asked, loadAsked } from '../grants/facts.ts';
import { seesEverything } from '../grants/platform-rights.ts';
import type { Caller } from '../grants/submit.ts';
import { actorOf, principalByName, principalsById, refOf } from '../identity/principals.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import { tell } from '../notices/notices.ts';

const LOOK_EVERY_MS = 2_000;
/** An order that nobody follows within this was missed. */
const MISSED_AFTER_SECONDS = 86_400;
const MOST_LISTED = 200;
const MOST_A_LOOK = 50;
const MOST_OPEN = 200;

/** Errors: `unknown-principal`, `unknown-target`, `unknown-task`, `task-does-not-fit`, `unknown-kit`, `too-many-drills`. */
export async function scheduleDrill(
  ctx: GrantsContext,
  caller: Caller,
  body: z.output<typeof scheduleDrillBody>,
): Promise<Drill> {
  const what = body.segment === undefined ? await ofGrant(ctx, body) : await ofKit(ctx, body.segment);
  const id = newId('drill');
  await ctx.db.transaction().execute(async (trx) => {
    await refuseTooMany(trx);
    await trx
      .insertInto('drills')
      .values({
        id,
        ...what,
        note: body.note,
        due_at: body.at === undefined ? sql<Date>`now()` : new Date(body.at),
        every_days: body.everyDays ?? null,
        scheduled_by: caller.principal.id,
      })
      .execute();
    await append(trx, {
      kind: 'drill.scheduled',
      actor: actorOf(caller.principal),
      targetId: what.target_id ?? undefined,
      sourceAddress: caller.sourceAddress,
      detail: {
        drillId: id,
        principal: body.person,
        target: body.target,
        task: body.task,
        segment: what.segment,
        at: body.at,
        everyDays: body.everyDays,
      },
    });
    await publish(trx, { topic: 'break-glass', id });
  });
  return oneDrill(ctx, id);
}

async function ofGrant(ctx: GrantsContext, body: z.output<typeof scheduleDrillBody>) {
  const asked = await loadAsked(ctx.db, { target: body.target ?? '', task: body.task ?? '' });
  const person = await principalByName(ctx.db, body.person ?? '');
  if (person.kind !== 'person' || person.disabled) {
    throw new Failure(
      'invalid',
      'not-a-person',
      `${person.name} cannot break glass: only people who are not disabled do.`,
      {
        field: 'person',
      },
    );
  }
  return {
    kind: 'grant' as const,
    principal_id: person.id,
    target_id: asked.target.id,
    task_id: asked.task.id,
    segment: asked.target.segment,
  };
}

async function ofKit(ctx: GrantsContext, segment: string) {
  const kit = await ctx.db
    .selectFrom('kits')
    .select(['id', 'task_id'])
    .where('segment', '=', segment)
    .where('state', 'in', ['making', 'ready'])
    .executeTakeFirst();
  if (kit === undefined) throw notFound('kit', segment);
  return {
    kind: 'kit' as const,
    principal_id: null,
    target_id: null,
    task_id: kit.task_id,
    segment,
    kit_id: kit.id,
  };
}

async function refuseTooMany(trx: Trx): Promise<void> {
  const { count } = await trx
    .selectFrom('drills')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('state', 'in', ['scheduled', 'ordered', 'running'])
    .executeTakeFirstOrThrow();
  if (count >= MOST_OPEN)
    throw new Failure('limit', 'too-many-drills', `There are ${MOST_OPEN} open drills already: cancel some.`);
}

/** Errors: `unknown-drill`, `drill-<state>`. */
export async function cancelDrill(ctx: GrantsContext, caller: Caller, id: string): Promise<Drill> {
  await ctx.db.transaction().execute(async (trx) => {
    const row = await trx
      .selectFrom('drills')
      .select(['state', 'target_id'])
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (row === undefined) throw notFound('drill', id);
    if (row.state !== 'scheduled' && row.state !== 'ordered')
      throw conflict(`drill-${row.state}`, `This drill is ${row.state}; it cannot be cancelled any more.`);
    await trx
      .updateTable('drills')
      .set({ state: 'cancelled', ended_at: sql<Date>`now()` })
      .where('id', '=', id)
      .execute();
    await append(trx, {
      kind: 'drill.cancelled',
      actor: actorOf(caller.principal),
      targetId: row.target_id ?? undefined,
      sourceAddress: caller.sourceAddress,
      detail: { drillId: id },
    });
    await publish(trx, { topic: 'break-glass', id });
  });
  return oneDrill(ctx, id);
}

/** The caller's ordered drill of exactly this. Errors: `no-such-drill`. */
export async function drillFor(trx: Trx, principalId: string, { target, task }: Asked): Promise<string> {
  const row = await trx
    .selectFrom('drills')
    .select('id')
    .where('principal_id', '=', principalId)
    .where('target_id', '=', target.id)
    .where('task_id', '=', task.id)
    .where('state', '=', 'ordered')
    .orderBy('ordered_at')
    .limit(1)
    .forUpdate()
    .executeTakeFirst();
  if (row !== undefined) return row.id;
  throw conflict('no-such-drill', `No drill of ${task.name} on ${target.name} is ordered of you now.`, {
    hint: 'An emergency needs no drill: leave it out. `sally break-glass drill list` shows what is ordered.',
  });
}

export async function startDrill(trx: Trx, id: string, reviewId: string): Promise<void> {
  await trx
    .updateTable('drills')
    .set({ state: 'running', started_at: sql<Date>`now()`, review_id: reviewId })
    .where('id', '=', id)
    .execute();
}

/** The ordered drill of a kit, when it is opened; null: it is no drill. */
export async function kitDrillFor(trx: Trx, kitId: string): Promise<string | null> {
  const row = await trx
    .selectFrom('drills')
    .select('id')
    .where('kit_id', '=', kitId)
    .where('state', '=', 'ordered')
    .orderBy('ordered_at')
    .limit(1)
    .forUpdate()
    .executeTakeFirst();
  return row?.id ?? null;
}

export function createDrillMaster(ctx: GrantsContext): Repeating {
  return repeat(ctx, 'drills', LOOK_EVERY_MS, async () => {
    await orderDue(ctx);
    await follow(ctx);
    await missLate(ctx);
    return undefined;
  });
}

async function orderDue(ctx: GrantsContext): Promise<void> {
  await ctx.db.transaction().execute(async (trx) => {
    const rows = await trx
      .selectFrom('drills as d')
      .leftJoin('targets as t', 't.id', 'd.target_id')
      .leftJoin('tasks as k', 'k.id', 'd.task_id')
      .selectAll('d')
      .select(['t.name as target', 'k.name as task'])
      .where('d.state', '=', 'scheduled')
      .where('d.due_at', '<=', sql<Date>`now()`)
      .limit(MOST_A_LOOK)
      .forUpdate('d')
      .skipLocked()
      .execute();
    for (const row of rows) {
      await trx
        .updateTable('drills')
        .set({ state: 'ordered', ordered_at: sql<Date>`now()` })
        .where('id', '=', row.id)
        .execute();
      const text =
        row.kind === 'grant'
          ? `DRILL, now: break glass on ${row.target}: \`sally break-glass ${row.target} --task ${row.task} --drill --reason "drill"\`. ${row.note}`
          : `DRILL, now: open the emergency kit of ${row.segment} with the other holders: \`sally break-glass open <kit file>\`. ${row.note}`;
      const told = row.kind === 'grant' ? [row.principal_id ?? ''] : await holdersOf(trx, row.kit_id ?? '');
      await tell(trx, told, { kind: 'drill', subjectId: row.id, text: text.trim(), loud: true });
      await append(trx, {
        kind: 'drill.ordered',
        actor: SYSTEM_ACTOR,
        targetId: row.target_id ?? undefined,
        detail: { drillId: row.id, segment: row.segment, target: row.target, task: row.task },
      });
      if (row.every_days !== null) {
        await trx
          .insertInto('drills')
          .values({
            id: newId('drill'),
            kind: row.kind,
            principal_id: row.principal_id,
            target_id: row.target_id,
            task_id: row.task_id,
            kit_id: row.kit_id,
            segment: row.segment,
            note: row.note,
            due_at: sql<Date>`greatest(${row.due_at}::timestamptz, now() - interval '1 day') + make_interval(days => ${row.every_days})`,
            every_days: row.every_days,
            scheduled_by: row.scheduled_by,
          })
          .execute();
      }
      await publish(trx, { topic: 'break-glass', id: row.id });
    }
  });
}

async function holdersOf(trx: Trx, kitId: string): Promise<string[]> {
  const rows = await trx
    .selectFrom('kit_holders as h')
    .innerJoin('kits as k', (join) =>
      join.onRef('k.id', '=', 'h.kit_id').onRef('k.generation', '=', 'h.generation'),
    )
    .select('h.principal_id')
    .where('h.kit_id', '=', kitId)
    .execute();
  return rows.map((row) => row.principal_id);
}

/** First connection and end, as sessions, grants and targets say. */
async function follow(ctx: GrantsContext): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    with seen as (
      select d.id, coalesce(
          (select min(s.started_at) from sessions s where s.grant_id = v.grant_id),
          (select min(o.opened_at) from kit_openings o where o.review_id = v.id)) as connected_at,
        case when v.source = 'grant' then g.wanted = 'absent' and g.observed in ('inert', 'absent')
          else not exists (select from kit_logins l where l.kit_id = v.kit_id and l.generation = v.kit_generation
            and l.observed not in ('inert', 'absent')) end as over
      from drills d join reviews v on v.id = d.review_id left join grants g on g.id = v.grant_id
      where d.state = 'running')
    update drills d set connected_at = seen.connected_at,
      state = case when seen.over then 'done' else d.state end,
      ended_at = case when seen.over then now() end
    from seen where seen.id = d.id
      and (d.connected_at is distinct from seen.connected_at or seen.over)
    returning d.id`.execute(ctx.db);
  for (const row of rows) await publish(ctx.db, { topic: 'break-glass', id: row.id });
}

async function missLate(ctx: GrantsContext): Promise<void> {
  await ctx.db.transaction().execute(async (trx) => {
    const rows = await trx
      .updateTable('drills')
      .set({ state: 'missed', ended_at: sql<Date>`now()` })
      .where('state', '=', 'ordered')
      .where('ordered_at', '<', sql<Date>`now() - make_interval(secs => ${MISSED_AFTER_SECONDS})`)
      .returning(['id', 'scheduled_by', 'segment', 'target_id'])
      .execute();
    for (const row of rows) {
      await append(trx, {
        kind: 'drill.missed',
        actor: SYSTEM_ACTOR,
        targetId: row.target_id ?? undefined,
        detail: { drillId: row.id, segment: row.segment },
      });
      await tell(trx, [row.scheduled_by], {
        kind: 'drill',
        subjectId: row.id,
        text: `A break-glass drill in ${row.segment} was missed: nobody did it within a day.`,
      });
      await publish(trx, { topic: 'break-glass', id: row.id });
    }
  });
}

function selectDrills(ctx: Pick<GrantsContext, 'db'>) {
  return ctx.db
    .selectFrom('drills as d')
    .leftJoin('targets as t', 't.id', 'd.target_id')
    .leftJoin('tasks as k', 'k.id', 'd.task_id')
    .leftJoin('reviews as v', 'v.id', 'd.review_id')
    .selectAll('d')
    .select(['t.name as target', 'k.name as task'])
    .select(
      sql<number | null>`extract(epoch from d.connected_at - d.ordered_at)::float8`.as('seconds_to_connect'),
    )
    .select(
      sql<boolean | null>`case when v.decided_at is not null then v.decided_at <= v.due_at
        when v.due_at < now() then false end`.as('review_in_time'),
    );
}

/** Newest first: all for who may audit or administer, else one's own and those of kits that one holds. */
export async function listDrills(ctx: GrantsContext, caller: Caller): Promise<z.input<typeof drillList>> {
  let select = selectDrills(ctx);
  const { id } = caller.principal;
  if (!seesEverything(ctx, caller)) {
    select = select.where(
      sql<boolean>`(d.principal_id = ${id} or exists (select from kit_holders h where h.kit_id = d.kit_id and h.principal_id = ${id}))`,
    );
  }
  const rows = await select.orderBy('d.due_at', 'desc').limit(MOST_LISTED).execute();
  return { items: await viewsOf(ctx, rows) };
}

async function oneDrill(ctx: GrantsContext, id: string): Promise<Drill> {
  const rows = await selectDrills(ctx).where('d.id', '=', id).execute();
  const [found] = await viewsOf(ctx, rows);
  if (found === undefined) throw notFound('drill', id);
  return found;
}

async function viewsOf(
  ctx: GrantsContext,
  rows: Awaited<ReturnType<ReturnType<typeof selectDrills>['execute']>>,
): Promise<Drill[]> {
  const people = await principalsById(ctx.db, [...new Set(rows.flatMap((row) => row.principal_id ?? []))]);
  const at = (moment: Date | null) => moment?.toISOString() ?? null;
  return rows.map((row): Drill => {
    const person = people.get(row.principal_id ?? '');
    const over = row.state === 'done' || row.state === 'missed';
    return {
      id: row.id,
      kind: row.kind,
      person: person === undefined ? null : refOf(person),
      target: row.target,
      task: row.task,
      segment: row.segment,
      kitId: row.kit_id,
      note: row.note,
      dueAt: row.due_at.toISOString(),
      everyDays: row.every_days,
      state: row.state,
      orderedAt: at(row.ordered_at),
      startedAt: at(row.started_at),
      endedAt: at(row.ended_at),
      reviewId: row.review_id,
      score: {
        secondsToConnect: row.seconds_to_connect,
        reviewInTime: row.review_in_time,
        kitOpened: row.kind === 'grant' ? null : row.connected_at !== null ? true : over ? false : null,
      },
    };
  });
}
