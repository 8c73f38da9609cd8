// Whether each kit would open if it were needed now: its logins are tried, its functions compared, its dates and its
// holders looked at. What is wrong is told before anybody needs it, once for each change.

import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { messageOf } from '../base/errors.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import { principalsById } from '../identity/principals.ts';
import { tell } from '../notices/notices.ts';
import { taskFits } from '../targets/tasks.ts';
import { holderIds, type KitLoginRow, kitPlan, selectKitLogins } from './kit-rows.ts';
import { peopleToTell } from './whom.ts';

const CHECK_EVERY_SECONDS = 3_600;
/** A target that was down may be back: it is not left in doubt for an hour. */
const AGAIN_SECONDS = 300;
const STEP_TIMEOUT_MS = 15_000;
const WARN_BEFORE_DAYS = 14;
const MOST_A_LOOK = 4;
const DAY_MS = 86_400_000;

export async function checkKits(ctx: GrantsContext, signal: AbortSignal): Promise<void> {
  const { rows } = await sql<{ id: string; checked_at: Date | null }>`
    select id from kits
    where state = 'ready' and file_generation = generation and coalesce(checked_at, '-infinity')
      < now() - make_interval(secs => case when problems = '[]' then ${CHECK_EVERY_SECONDS}::int else ${AGAIN_SECONDS}::int end)
    order by checked_at nulls first limit ${MOST_A_LOOK}`.execute(ctx.db);
  for (const { id } of rows) await checkKit(ctx, id, signal);
}

async function checkKit(ctx: GrantsContext, kitId: string, signal: AbortSignal): Promise<void> {
  const kit = await ctx.db.selectFrom('kits').selectAll().where('id', '=', kitId).executeTakeFirstOrThrow();
  const logins = (
    await selectKitLogins(sql`l.kit_id = ${kitId} and l.generation = ${kit.generation}`).execute(ctx.db)
  ).rows;
  const found = await Promise.all(logins.map((row) => problemOf(ctx, row, signal)));
  const urgent = [
    ...logins.flatMap((row, at) => (found[at] === null ? [] : [`${row.target}: ${found[at]}`])),
    ...datesOf(kit.expires_at),
    ...(await missingTargets(ctx, kit, logins)),
  ];
  const problems = [...urgent, ...(await holderProblems(ctx, kitId, kit.generation, kit.quorum))];
  // Whose share waits was told so when it was made; that is no alarm on the same day.
  const isFresh = Date.now() - (kit.rotated_at ?? kit.created_at).getTime() < DAY_MS;
  const alarming = isFresh ? urgent : problems;
  await ctx.db.transaction().execute(async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('kits')
      .set({ problems: JSON.stringify(problems), checked_at: sql<Date>`now()` })
      .where('id', '=', kitId)
      .where('generation', '=', kit.generation)
      .where('state', '=', 'ready')
      .executeTakeFirstOrThrow();
    // Rotated or retired meanwhile: what was found is of logins that are going.
    if (numUpdatedRows === 0n) return;
    for (const [at, row] of logins.entries())
      await trx
        .updateTable('kit_logins')
        .set({ problem: found[at] ?? null })
        .where('login', '=', row.login)
        .execute();
    if (JSON.stringify(problems) === JSON.stringify(kit.problems)) return;
    await append(trx, {
      kind: 'kit.checked',
      actor: SYSTEM_ACTOR,
      detail: { kitId, segment: kit.segment, generation: kit.generation, problems },
    });
    await publish(trx, { topic: 'break-glass', id: kitId });
    if (alarming.length === 0) return;
    const holders = await holderIds(trx, kitId, kit.generation);
    const others = await peopleToTell(ctx, [], { owner: null, facts: null });
    await tell(trx, [...holders, ...others], {
      kind: 'kit-stale',
      subjectId: kitId,
      text: `The emergency kit of ${kit.segment} would not open everywhere: ${alarming.join(' ')}`,
      loud: true,
    });
  });
}

async function problemOf(ctx: GrantsContext, row: KitLoginRow, signal: AbortSignal): Promise<string | null> {
  try {
    const { kit } = await ctx.targets.open(row.target_id);
    if (kit === null) return 'Its kind holds no emergency kits.';
    const step = AbortSignal.any([signal, AbortSignal.timeout(STEP_TIMEOUT_MS)]);
    const look = await kit.look(kitPlan(ctx.masterKey, row), true, step);
    if (look.problems.length > 0) return look.problems.join(' ');
    return look.openings.length > 0 ? 'It was opened; it is being taken over.' : null;
  } catch (error) {
    return `It could not be looked at: ${messageOf(error)}`;
  }
}

function datesOf(expiresAt: Date | null): string[] {
  if (expiresAt === null) return [];
  const days = Math.floor((expiresAt.getTime() - Date.now()) / DAY_MS);
  if (days < 0) return [`It expired on ${expiresAt.toISOString().slice(0, 10)}: rotate it.`];
  return days < WARN_BEFORE_DAYS ? [`It expires in ${days} days: rotate it, best by a drill.`] : [];
}

async function holderProblems(
  ctx: GrantsContext,
  kitId: string,
  generation: number,
  quorum: number,
): Promise<string[]> {
  const rows = await ctx.db
    .selectFrom('kit_holders')
    .select(['principal_id', 'taken_at'])
    .where('kit_id', '=', kitId)
    .where('generation', '=', generation)
    .execute();
  const people = await principalsById(
    ctx.db,
    rows.map((row) => row.principal_id),
  );
  const gone = rows.filter((row) => people.get(row.principal_id)?.disabled !== false);
  const able = rows.filter((row) => row.taken_at !== null && !gone.includes(row));
  const names = gone.map((row) => people.get(row.principal_id)?.name ?? row.principal_id);
  return [
    ...(able.length < quorum
      ? [`Only ${able.length} of the ${quorum} shares that it takes were taken by their holders.`]
      : []),
    ...(names.length > 0
      ? [`${names.join(', ')} cannot act any more: make the kit anew with other holders.`]
      : []),
  ];
}

/** Targets that came after the kit was made. */
async function missingTargets(
  ctx: GrantsContext,
  kit: { segment: string; task_id: string },
  logins: KitLoginRow[],
): Promise<string[]> {
  const task = (await ctx.tasks.list()).find((one) => one.id === kit.task_id);
  if (task === undefined) return ['Its task is gone.'];
  const missing = (await ctx.targets.list()).filter(
    (one) =>
      (one.segment === kit.segment || one.segment.startsWith(`${kit.segment}/`)) &&
      taskFits(task, one) &&
      !logins.some((row) => row.target_id === one.id),
  );
  return missing.map((one) => `${one.name} is not in it: rotate it.`);
}
