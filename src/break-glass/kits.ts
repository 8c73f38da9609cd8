// Making, rotating and retiring emergency kits, and handing their parts out. Nothing here touches a target: rows say
// what is wanted, and the keeper (keep-kits.ts) brings the targets to it, as reconcile does for grants.

import { sql } from 'kysely';
import type { z } from 'zod';
import type { Kit, makeKitBody } from '../api/kits.ts';
import { append } from '../audit/append.ts';
import { parseDuration } from '../base/duration.ts';
import { conflict, Failure, invalid, notFound } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import type { Caller } from '../grants/submit.ts';
import { actorOf, type Principal, principalByName } from '../identity/principals.ts';
import type { TargetRow } from '../targets/targets.ts';
import { type TaskRow, taskFits } from '../targets/tasks.ts';
import { KIT_VALID_DAYS, MOST_KIT_TARGETS } from './kit-rows.ts';
import { oneKit } from './kit-view.ts';

/** An emergency that lasts longer has seen the platform come back, or a new kit. */
const LONGEST_LIMIT_SECONDS = 12 * 3_600;
const HIGHEST_GENERATION = 65_535;

/**
 * Errors: `unknown-segment`, `unknown-task`, `kit-no-targets`, `kit-too-large`, `kit-task-unfit`, `kit-unsupported`,
 * `unknown-principal`, `invalid-input` naming holders or quorum, `kit-exists`.
 */
export async function makeKit(
  ctx: GrantsContext,
  caller: Caller,
  body: z.output<typeof makeKitBody>,
): Promise<Kit> {
  const limitSeconds = parseDuration(body.limit, 'limit', LONGEST_LIMIT_SECONDS);
  const holders = await findHolders(ctx, body);
  const segment = await ctx.db
    .selectFrom('segments')
    .select('path')
    .where('path', '=', body.segment)
    .executeTakeFirst();
  if (segment === undefined) throw notFound('segment', body.segment);
  const task = (await ctx.tasks.list()).find((one) => one.name === body.task);
  if (task === undefined) throw notFound('task', body.task);
  const targets = await targetsFor(ctx, body.segment, task);
  const id = newId('kit');
  await ctx.db.transaction().execute(async (trx) => {
    const made = await trx
      .insertInto('kits')
      .values({
        id,
        segment: body.segment,
        task_id: task.id,
        quorum: body.quorum,
        limit_s: limitSeconds,
        made_by: caller.principal.id,
        expires_at: expiry(),
      })
      .onConflict((oc) => oc.column('segment').where('state', '<>', 'retired').doNothing())
      .executeTakeFirst();
    if (Number(made.numInsertedOrUpdatedRows ?? 0) === 0) {
      throw conflict('kit-exists', `There is an emergency kit of ${body.segment} already.`, {
        hint: 'Rotate it, or retire it first: `sally break-glass kit rotate`, `sally break-glass kit retire`.',
      });
    }
    await writeGeneration(
      trx,
      id,
      1,
      holders.map((one) => one.id),
      targets.map((one) => one.id),
    );
    await append(trx, {
      kind: 'kit.made',
      actor: actorOf(caller.principal),
      sourceAddress: caller.sourceAddress,
      detail: {
        kitId: id,
        segment: body.segment,
        task: task.name,
        quorum: body.quorum,
        holders: holders.map((one) => one.name),
        targets: targets.map((one) => one.name),
        limitSeconds,
      },
    });
    await publish(trx, { topic: 'break-glass', id });
  });
  return oneKit(ctx, caller, id);
}

const expiry = () => sql<Date>`now() + make_interval(days => ${KIT_VALID_DAYS})`;

async function findHolders(
  ctx: GrantsContext,
  body: Pick<z.output<typeof makeKitBody>, 'holders' | 'quorum'>,
): Promise<Principal[]> {
  const found: Principal[] = [];
  for (const name of body.holders) {
    const person = await principalByName(ctx.db, name);
    if (person.kind !== 'person' || person.disabled)
      throw invalid('holders', `${name} cannot hold a share: only people who are not disabled do.`);
    // Two accounts of one person would be two shares in one hand.
    const who = (one: Principal) => one.samePersonAs ?? one.id;
    if (found.some((one) => who(one) === who(person)))
      throw invalid('holders', `${name} is named twice, or is another account of somebody who is.`);
    found.push(person);
  }
  if (body.quorum > found.length)
    throw invalid('quorum', `The quorum of ${body.quorum} is more than the ${found.length} holders.`);
  return found;
}

async function targetsFor(ctx: GrantsContext, segment: string, task: TaskRow): Promise<TargetRow[]> {
  const all = await ctx.targets.list();
  const below = all.filter((one) => one.segment === segment || one.segment.startsWith(`${segment}/`));
  const fitting = below.filter((one) => taskFits(task, one));
  if (fitting.length === 0) {
    throw new Failure(
      'invalid',
      'kit-no-targets',
      `No target at or below ${segment} offers the task "${task.name}".`,
      {
        field: 'task',
      },
    );
  }
  if (fitting.length > MOST_KIT_TARGETS) {
    throw new Failure(
      'invalid',
      'kit-too-large',
      `A kit opens at most ${MOST_KIT_TARGETS} targets; these are ${fitting.length}.`,
      {
        field: 'segment',
        hint: 'Make kits of the segments below it.',
      },
    );
  }
  for (const target of fitting)
    ctx.targets.kindOf(target).kitWay(target.settings, task.entitlement, 'sallykit_would_do');
  return fitting;
}

/** Intents first: a login that is on a target always has its row. */
async function writeGeneration(
  trx: Trx,
  kitId: string,
  generation: number,
  holderIds: string[],
  targetIds: string[],
): Promise<void> {
  await trx
    .insertInto('kit_holders')
    .values(holderIds.map((principal_id, at) => ({ kit_id: kitId, generation, place: at + 1, principal_id })))
    .execute();
  await trx
    .insertInto('kit_logins')
    .values(
      targetIds.map((target_id) => {
        const login = `sallykit_${newId('kit').slice(4)}`;
        return { login, kit_id: kitId, generation, target_id, handle: JSON.stringify({ login, kitId }) };
      }),
    )
    .execute();
}

/**
 * The next generation: new logins, a new file, new shares. The old ones work until a quorum has taken the new, unless
 * `oldEnds`: after an opening.
 */
export async function nextGeneration(
  ctx: GrantsContext,
  trx: Trx,
  kitId: string,
  oldEnds: boolean,
): Promise<void> {
  const kit = await trx
    .selectFrom('kits')
    .selectAll()
    .where('id', '=', kitId)
    .forUpdate()
    .executeTakeFirstOrThrow();
  if (kit.generation >= HIGHEST_GENERATION)
    throw conflict('kit-worn-out', 'This kit was rotated too often; retire it and make another.');
  const holders = await trx
    .selectFrom('kit_holders')
    .select('principal_id')
    .where('kit_id', '=', kitId)
    .where('generation', '=', kit.generation)
    .orderBy('place')
    .execute();
  const task = (await ctx.tasks.list()).find((one) => one.id === kit.task_id);
  const targets = task === undefined ? [] : await targetsFor(ctx, kit.segment, task);
  if (oldEnds)
    await trx
      .updateTable('kit_logins')
      .set({ wanted: 'absent', next_attempt_at: sql<Date>`now()` })
      .where('kit_id', '=', kitId)
      .execute();
  await writeGeneration(
    trx,
    kitId,
    kit.generation + 1,
    holders.map((one) => one.principal_id),
    targets.map((one) => one.id),
  );
  await trx
    .updateTable('kits')
    .set({
      generation: kit.generation + 1,
      expires_at: expiry(),
      rotated_at: sql<Date>`now()`,
      checked_at: null,
    })
    .where('id', '=', kitId)
    .execute();
}

/** Errors: `unknown-kit`, `kit-<state>`, `kit-worn-out`. */
export async function rotateKit(ctx: GrantsContext, caller: Caller, id: string): Promise<Kit> {
  await ctx.db.transaction().execute(async (trx) => {
    const kit = await trx.selectFrom('kits').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
    if (kit === undefined) throw notFound('kit', id);
    if (kit.state !== 'ready' || kit.file_generation !== kit.generation)
      throw conflict('kit-making', 'This kit is being made or ended; it is rotated once that is done.', {
        hint: '`sally break-glass kit list` shows what it waits for.',
      });
    await nextGeneration(ctx, trx, id, false);
    await append(trx, {
      kind: 'kit.rotated',
      actor: actorOf(caller.principal),
      sourceAddress: caller.sourceAddress,
      detail: { kitId: id, segment: kit.segment, generation: kit.generation + 1, why: 'asked for' },
    });
    await publish(trx, { topic: 'break-glass', id });
  });
  return oneKit(ctx, caller, id);
}

/** Takes its logins away for good. Errors: `unknown-kit`, `kit-retired`. */
export async function retireKit(ctx: GrantsContext, caller: Caller, id: string): Promise<Kit> {
  await ctx.db.transaction().execute(async (trx) => {
    const kit = await trx.selectFrom('kits').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
    if (kit === undefined) throw notFound('kit', id);
    if (kit.state === 'retiring' || kit.state === 'retired')
      throw conflict('kit-retired', 'This kit was retired already.');
    await trx.updateTable('kits').set({ state: 'retiring', file: null }).where('id', '=', id).execute();
    await trx
      .updateTable('kit_logins')
      .set({ wanted: 'absent', next_attempt_at: sql<Date>`now()` })
      .where('kit_id', '=', id)
      .execute();
    await trx.updateTable('kit_holders').set({ share: null }).where('kit_id', '=', id).execute();
    await append(trx, {
      kind: 'kit.retired',
      actor: actorOf(caller.principal),
      sourceAddress: caller.sourceAddress,
      detail: { kitId: id, segment: kit.segment },
    });
    await publish(trx, { topic: 'break-glass', id });
  });
  return oneKit(ctx, caller, id);
}

/** Looks at all of its logins now, and not only when it is due. Errors: `unknown-kit`. */
export async function askForCheck(ctx: GrantsContext, caller: Caller, id: string): Promise<Kit> {
  await ctx.db.transaction().execute(async (trx) => {
    const kit = await trx
      .updateTable('kits')
      .set({ checked_at: null })
      .where('id', '=', id)
      .returning('segment')
      .executeTakeFirst();
    if (kit === undefined) throw notFound('kit', id);
    await append(trx, {
      kind: 'kit.check-asked',
      actor: actorOf(caller.principal),
      sourceAddress: caller.sourceAddress,
      detail: { kitId: id, segment: kit.segment },
    });
    await publish(trx, { topic: 'break-glass', id });
  });
  return oneKit(ctx, caller, id);
}
