// Keeps emergency kits as they are wanted: makes their logins, seals the file once all are there, takes away what is
// used or replaced, and looks whether each would still open. It takes no input and may be killed at any line: rows
// say what is wanted, targets what there is.

import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { briefly } from '../audit/briefly.ts';
import { Failure, messageOf } from '../base/errors.ts';
import { Secret } from '../base/secret.ts';
import type { RevokeReport } from '../connectors/contract.ts';
import type { Db, Trx } from '../db/client.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from '../grants/context.ts';
import { principalsById } from '../identity/principals.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import { tell } from '../notices/notices.ts';
import { checkKits } from './check-kits.ts';
import { type KitTarget, sealKit } from './kit-file/kit-file.ts';
import {
  holderIds,
  type KitLoginRow,
  kitPassword,
  kitPlan,
  selectKitLogins,
  shareContext,
} from './kit-rows.ts';
import { readKitOpenings } from './read-openings.ts';

const LOOK_EVERY_MS = 1_000;
/** How long a login that is worked on is left alone by others; longer than a step. */
const CLAIM_SECONDS = 40;
const STEP_TIMEOUT_MS = 20_000;
const RETRY_SECONDS = 10;
const MOST_A_LOOK = 8;
/** How soon an opening is seen while Sallyport runs; the first look comes with the start. */
const OPENINGS_EVERY_MS = 10_000;

export interface KitKeeper extends Repeating {
  /** Reads the openings on all targets now. */
  readOpenings(): Promise<void>;
}

export function createKitKeeper(ctx: GrantsContext, installationId: string): KitKeeper {
  const stopping = new AbortController();
  const loop = repeat(ctx, 'emergency kits', LOOK_EVERY_MS, async (signal) => {
    const worked = await workOnLogins(ctx, signal);
    await replaceOld(ctx);
    await sealReady(ctx, installationId);
    await finishRetiring(ctx);
    await checkKits(ctx, signal);
    return worked > 0 ? 0 : undefined;
  });
  const openings = repeat(ctx, 'openings of kits', OPENINGS_EVERY_MS, async (signal) => {
    if ((await readKitOpenings(ctx, signal)) > 0) loop.kick();
    return undefined;
  });
  return {
    start() {
      openings.start();
      loop.start();
    },
    kick: () => loop.kick(),
    async stop() {
      stopping.abort();
      await Promise.all([openings.stop(), loop.stop()]);
    },
    async readOpenings() {
      if ((await readKitOpenings(ctx, stopping.signal)) > 0) loop.kick();
    },
  };
}

/** How many were worked on. */
async function workOnLogins(ctx: GrantsContext, signal: AbortSignal): Promise<number> {
  const claimed = await claim(ctx.db);
  await Promise.all(
    claimed.map(async (row) => {
      try {
        const step = AbortSignal.any([signal, AbortSignal.timeout(STEP_TIMEOUT_MS)]);
        if (row.wanted === 'present') await bringUp(ctx, row, step);
        else await takeDown(ctx, row, step);
      } catch (error) {
        await postpone(ctx, row, error);
      }
    }),
  );
  return claimed.length;
}

async function claim(db: Db): Promise<KitLoginRow[]> {
  const { rows } = await sql<{ login: string }>`
    update kit_logins set next_attempt_at = now() + make_interval(secs => ${CLAIM_SECONDS})
    where login in (
      select login from kit_logins
      where ((wanted = 'present' and observed = 'unknown') or (wanted = 'absent' and observed <> 'absent'))
        and next_attempt_at <= now()
      order by wanted, next_attempt_at limit ${MOST_A_LOOK} for update skip locked)
    returning login`.execute(db);
  if (rows.length === 0) return [];
  const logins = rows.map((row) => row.login);
  return (await selectKitLogins(sql`l.login = any(${logins}::text[])`).execute(db)).rows;
}

async function bringUp(ctx: GrantsContext, row: KitLoginRow, signal: AbortSignal): Promise<void> {
  const { kit } = await ctx.targets.open(row.target_id);
  if (kit === null)
    throw new Failure('invalid', 'kit-unsupported', 'Targets of this kind hold no emergency kits.');
  const handle = await kit.make(kitPlan(ctx.masterKey, row), signal);
  await ctx.db.transaction().execute(async (trx) => {
    await trx
      .updateTable('kit_logins')
      .set({ handle: JSON.stringify(handle), observed: 'present', last_error: null })
      .where('login', '=', row.login)
      .execute();
    await append(trx, {
      kind: 'kit.login-made',
      actor: SYSTEM_ACTOR,
      targetId: row.target_id,
      detail: {
        kitId: row.kit_id,
        segment: row.segment,
        target: row.target,
        login: row.login,
        generation: row.generation,
      },
    });
    await publish(trx, { topic: 'break-glass', id: row.kit_id });
  });
}

async function takeDown(ctx: GrantsContext, row: KitLoginRow, signal: AbortSignal): Promise<void> {
  const { kit } = await ctx.targets.open(row.target_id);
  if (kit === null)
    throw new Failure('invalid', 'kit-unsupported', 'Targets of this kind hold no emergency kits.');
  const report = await kit.remove(kitPlan(ctx.masterKey, row), signal);
  if (report.observed === 'present')
    throw new Failure(
      'unavailable',
      'still-present',
      report.blockers[0] ?? 'The target still shows the login as usable.',
    );
  await settleDown(ctx, row, report);
}

async function settleDown(ctx: GrantsContext, row: KitLoginRow, report: RevokeReport): Promise<void> {
  const absent = report.observed === 'absent';
  await ctx.db.transaction().execute(async (trx) => {
    await trx
      .updateTable('kit_logins')
      .set({
        handle: JSON.stringify(report.handle),
        observed: report.observed,
        last_error: absent ? null : (report.blockers[0] ?? 'waiting for locks on the target'),
        absent_at: absent ? sql<Date>`now()` : null,
        next_attempt_at: sql<Date>`now() + make_interval(secs => ${RETRY_SECONDS})`,
      })
      .where('login', '=', row.login)
      .execute();
    // An inert one that waits for a lock is told once, when it is gone.
    if (absent || row.observed !== 'inert')
      await append(trx, {
        kind: absent ? 'kit.login-removed' : 'kit.login-inert',
        actor: SYSTEM_ACTOR,
        targetId: row.target_id,
        detail: {
          kitId: row.kit_id,
          segment: row.segment,
          target: row.target,
          login: row.login,
          generation: row.generation,
          opened: row.opened_at !== null,
          sessionsEnded: report.sessionsEnded,
          blockers: briefly(report.blockers),
          leftBehind: briefly(report.leftBehind),
        },
      });
    await publish(trx, { topic: 'break-glass', id: row.kit_id });
  });
}

async function postpone(ctx: GrantsContext, row: KitLoginRow, error: unknown): Promise<void> {
  const hint = error instanceof Failure && error.hint !== undefined ? ` ${error.hint}` : '';
  const reason = `${messageOf(error)}${hint}`;
  ctx.log.warn(
    { kit: row.kit_id, target: row.target, wanted: row.wanted, reason },
    'a login of an emergency kit could not be brought to what is wanted',
  );
  await ctx.db
    .updateTable('kit_logins')
    .set({
      last_error: reason.slice(0, 500),
      next_attempt_at: sql<Date>`now() + make_interval(secs => ${RETRY_SECONDS})`,
    })
    .where('login', '=', row.login)
    .execute();
}

/** The file and the shares of a generation, once each of its logins is there. */
async function sealReady(ctx: GrantsContext, installationId: string): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select k.id from kits k
    where k.state in ('making', 'ready') and k.file_generation is distinct from k.generation
      and not exists (select from kit_logins l where l.kit_id = k.id and l.generation = k.generation
        and (l.wanted <> 'present' or l.observed <> 'present'))
    limit ${MOST_A_LOOK}`.execute(ctx.db);
  for (const { id } of rows) await ctx.db.transaction().execute((trx) => seal(ctx, trx, id, installationId));
}

async function seal(ctx: GrantsContext, trx: Trx, kitId: string, installationId: string): Promise<void> {
  const kit = await trx
    .selectFrom('kits as k')
    .innerJoin('tasks as s', 's.id', 'k.task_id')
    .selectAll('k')
    .select('s.name as task')
    .where('k.id', '=', kitId)
    .forUpdate('k')
    .executeTakeFirstOrThrow();
  if (kit.file_generation === kit.generation || kit.expires_at === null) return;
  // Somebody may have retired it since it was looked for, and that must stay.
  if (kit.state !== 'making' && kit.state !== 'ready') return;
  const logins = await selectKitLogins(sql`l.kit_id = ${kitId} and l.generation = ${kit.generation}`).execute(
    trx,
  );
  const targets = logins.rows.map((row): KitTarget => {
    const kind = ctx.targets.kindOf({ kind: row.target_kind });
    return {
      name: row.target,
      kind: 'postgres',
      ...kind.kitWay(row.settings, row.entitlement, row.login),
      login: row.login,
      password: kitPassword(ctx.masterKey, row.login).reveal(),
    };
  });
  const holders = await holderIds(trx, kitId, kit.generation);
  const people = await principalsById(trx, holders);
  const { file, shares } = await sealKit(
    {
      installation: installationId,
      kit: kitId,
      segment: kit.segment,
      task: kit.task,
      generation: kit.generation,
      quorum: kit.quorum,
      holders: holders.map((id) => people.get(id)?.name ?? id),
      limitSeconds: kit.limit_s,
      madeAt: new Date().toISOString(),
      expiresAt: kit.expires_at.toISOString(),
    },
    targets,
  );
  for (const [at, share] of shares.entries()) {
    await trx
      .updateTable('kit_holders')
      .set({ share: ctx.masterKey.seal(new Secret(share), shareContext(kitId, kit.generation, at + 1)) })
      .where('kit_id', '=', kitId)
      .where('generation', '=', kit.generation)
      .where('place', '=', at + 1)
      .execute();
  }
  await trx
    .updateTable('kits')
    .set({ state: 'ready', file: JSON.stringify(file), file_generation: kit.generation, checked_at: null })
    .where('id', '=', kitId)
    .execute();
  await append(trx, {
    kind: 'kit.ready',
    actor: SYSTEM_ACTOR,
    detail: {
      kitId,
      segment: kit.segment,
      generation: kit.generation,
      targets: targets.length,
      quorum: kit.quorum,
    },
  });
  await tell(trx, holders, {
    kind: 'kit',
    subjectId: kitId,
    text: `You hold a share of the emergency kit of ${kit.segment}${kit.generation > 1 ? ', which was rotated: what you have is stale' : ''}. Take yours, and the file: \`sally break-glass kit share ${kit.segment}\`, \`sally break-glass kit fetch ${kit.segment}\`.`,
    loud: true,
  });
  await publish(trx, { topic: 'break-glass', id: kitId });
}

/** A quorum has taken the new shares: what came before is of no use any more. */
async function replaceOld(ctx: GrantsContext): Promise<void> {
  await sql`
    update kit_logins l set wanted = 'absent', next_attempt_at = now()
    from kits k
    where k.id = l.kit_id and l.generation < k.generation and l.wanted = 'present'
      and k.file_generation = k.generation
      and (select count(*) from kit_holders h where h.kit_id = k.id and h.generation = k.generation
        and h.taken_at is not null) >= k.quorum`.execute(ctx.db);
}

async function finishRetiring(ctx: GrantsContext): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    update kits k set state = 'retired', problems = '[]'
    where k.state = 'retiring'
      and not exists (select from kit_logins l where l.kit_id = k.id and l.observed <> 'absent')
    returning k.id`.execute(ctx.db);
  for (const { id } of rows) await publish(ctx.db, { topic: 'break-glass', id });
}
