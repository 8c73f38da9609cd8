// Reads what emergency kits wrote down on their targets: while Sallyport was away, or while it was not. Each opening
// goes into the log with the names as they were given, a review is opened, and the kit is spent: its logins are taken
// away on every target, since its file was open, and the next generation is made.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { messageOf } from '../base/errors.ts';
import type { KitOpening } from '../connectors/contract.ts';
import type { Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import { principalsById } from '../identity/principals.ts';
import { tell } from '../notices/notices.ts';
import { kitDrillFor, startDrill } from './drills.ts';
import { holderIds, type KitLoginRow, kitPlan, selectKitLogins } from './kit-rows.ts';
import { nextGeneration } from './kits.ts';
import { openReview } from './open-review.ts';
import { peopleToTell } from './whom.ts';

const STEP_TIMEOUT_MS = 15_000;
const LONGEST_ACTOR_NAME = 200;

/** How many openings were new. A target that does not answer is looked at the next time. */
export async function readKitOpenings(ctx: GrantsContext, signal: AbortSignal): Promise<number> {
  const { rows } = await selectKitLogins(sql`l.observed in ('present', 'inert')`).execute(ctx.db);
  const byTarget = Map.groupBy(rows, (row) => row.target_id);
  const counts = await Promise.all(
    [...byTarget.entries()].map(async ([targetId, logins]) => {
      try {
        const { kit } = await ctx.targets.open(targetId);
        if (kit === null) return 0;
        let found = 0;
        for (const row of logins) {
          const step = AbortSignal.any([signal, AbortSignal.timeout(STEP_TIMEOUT_MS)]);
          const look = await kit.look(kitPlan(ctx.masterKey, row), false, step);
          if (look.openings.length > 0) found += await takeOver(ctx, row, look.openings);
        }
        return found;
      } catch (error) {
        ctx.log.warn(
          { target: targetId, reason: messageOf(error) },
          'the openings of kits on a target could not be read; they will be',
        );
        return 0;
      }
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

async function takeOver(ctx: GrantsContext, row: KitLoginRow, openings: KitOpening[]): Promise<number> {
  const known = await ctx.db
    .selectFrom('kit_openings')
    .select('number')
    .where('login', '=', row.login)
    .execute();
  const numbers = new Set(known.map((one) => one.number));
  const fresh = openings.filter((one) => !numbers.has(one.number));
  const [first] = fresh;
  if (first === undefined) return 0;
  const holders = await holderIds(ctx.db, row.kit_id, row.generation);
  const people = [...(await principalsById(ctx.db, holders)).values()];
  const owner = await ownerOf(ctx, row.segment);
  const told = await peopleToTell(ctx, people, { owner, facts: null });
  return ctx.db.transaction().execute(async (trx) => {
    const kit = await trx
      .selectFrom('kits')
      .selectAll()
      .where('id', '=', row.kit_id)
      .forUpdate()
      .executeTakeFirstOrThrow();
    const reviewId = await reviewFor(trx, row, first, { holders, told });
    let written = 0;
    for (const opening of fresh) written += await writeOpening(trx, row, opening, reviewId);
    await trx
      .updateTable('kit_logins')
      .set({ opened_at: sql<Date>`coalesce(opened_at, ${first.at}::timestamptz)` })
      .where('login', '=', row.login)
      .execute();
    await spend(ctx, trx, row, kit, holders);
    await publish(trx, { topic: 'break-glass', id: reviewId });
    return written;
  });
}

async function ownerOf(ctx: GrantsContext, segment: string): Promise<string | null> {
  const row = await ctx.db
    .selectFrom('segments')
    .select('owner')
    .where('owner', 'is not', null)
    .where(sql<boolean>`(path = ${segment} or starts_with(${segment}, path || '/'))`)
    .orderBy(sql`length(path)`, 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.owner ?? null;
}

/** One review for one generation of a kit, whatever number of targets it was opened on. */
async function reviewFor(
  trx: Trx,
  row: KitLoginRow,
  first: KitOpening,
  who: { holders: string[]; told: string[] },
): Promise<string> {
  const there = await trx
    .selectFrom('reviews')
    .select('id')
    .where('kit_id', '=', row.kit_id)
    .where('kit_generation', '=', row.generation)
    .executeTakeFirst();
  if (there !== undefined) return there.id;
  const drillId = await kitDrillFor(trx, row.kit_id);
  const zone = await trx
    .selectFrom('segments')
    .select('time_zone')
    .where('path', '=', row.segment)
    .executeTakeFirstOrThrow();
  const id = await openReview(trx, {
    source: 'kit',
    drillId,
    kit: { id: row.kit_id, generation: row.generation },
    target: null,
    segment: row.segment,
    timeZone: zone.time_zone,
    now: new Date(),
    task: row.task,
    reason: first.reason,
    // Who of them it was nobody checked, so none of them reviews it.
    usedBy: who.holders,
    told: who.told,
    actor: openerOf(first),
    ...(first.clientAddress === null ? {} : { sourceAddress: first.clientAddress }),
    notice: `${drillId === null ? '' : 'DRILL: '}The emergency kit of ${row.segment} was opened on ${row.target} at ${first.at} by ${first.holders}: “${first.reason}”. Its logins are taken away; the review is open.`,
  });
  if (drillId !== null) await startDrill(trx, drillId, id);
  return id;
}

/** Names as they were given on the target, where nobody could check them. */
function openerOf(opening: KitOpening): Actor {
  return { id: 'kit-holders', name: opening.holders.slice(0, LONGEST_ACTOR_NAME), kind: 'unknown' };
}

async function writeOpening(
  trx: Trx,
  row: KitLoginRow,
  opening: KitOpening,
  reviewId: string,
): Promise<number> {
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('kit_openings')
    .values({
      login: row.login,
      number: opening.number,
      act: opening.act,
      opened_at: new Date(opening.at),
      until_at: new Date(opening.until),
      holders: opening.holders,
      reason: opening.reason,
      client_address: opening.clientAddress,
      review_id: reviewId,
    })
    .onConflict((oc) => oc.doNothing())
    .executeTakeFirst();
  if (Number(numInsertedOrUpdatedRows ?? 0) === 0) return 0;
  await append(trx, {
    kind: 'kit.opened',
    actor: openerOf(opening),
    targetId: row.target_id,
    ...(opening.clientAddress === null ? {} : { sourceAddress: opening.clientAddress }),
    detail: {
      kitId: row.kit_id,
      segment: row.segment,
      target: row.target,
      task: row.task,
      login: row.login,
      generation: row.generation,
      number: opening.number,
      act: opening.act,
      openedAt: opening.at,
      until: opening.until,
      holders: opening.holders,
      reason: opening.reason,
      reviewId,
    },
  });
  return 1;
}

/** The first opening of a generation ends all of it, and begins the next where this was the present one. */
async function spend(
  ctx: GrantsContext,
  trx: Trx,
  row: KitLoginRow,
  kit: { generation: number; state: string },
  holders: string[],
): Promise<void> {
  if (kit.state !== 'ready' || kit.generation !== row.generation) {
    await trx
      .updateTable('kit_logins')
      .set({ wanted: 'absent', next_attempt_at: sql<Date>`now()` })
      .where('kit_id', '=', row.kit_id)
      .where('generation', '=', row.generation)
      .where('wanted', '=', 'present')
      .execute();
    return;
  }
  await nextGeneration(ctx, trx, row.kit_id, true);
  await append(trx, {
    kind: 'kit.rotated',
    actor: { id: 'system', name: 'sallyport', kind: 'system' },
    detail: { kitId: row.kit_id, segment: row.segment, generation: row.generation + 1, why: 'it was opened' },
  });
  await tell(trx, holders, {
    kind: 'kit',
    subjectId: row.kit_id,
    text: `The emergency kit of ${row.segment} was opened and is spent: what you hold is stale. A new share is made for you.`,
    loud: true,
  });
}
