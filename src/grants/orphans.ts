// What only the target knows: identities that carry our mark and have no live grant (removed, and told), active
// grants whose identity somebody removed by hand (a finding; never made again), and sessions that started late
// under an identity that is already gone (ended, and told).

import { sql } from 'kysely';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { briefly } from '../audit/briefly.ts';
import { messageOf } from '../base/errors.ts';
import { after, sleep, type Timer } from '../base/timer.ts';
import type { Handle, Observed, RevokeReport } from '../connectors/contract.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import { patrolAlterations } from './alterations.ts';
import type { GrantsContext } from './context.ts';
import { type Ending, endGrant } from './end.ts';
import { wipeRemoved } from './remove-target.ts';
import { vanishedShared } from './shared.ts';
import { lookAtNodes, type TargetClient } from './target-health.ts';

const PATROL_EVERY_MS = 30_000;
const SWEEP_EVERY_MS = 10_000;
/** A bit less: who had the turn may have it again. */
const TURN_SHARE = 0.8;
const STEP_TIMEOUT_MS = 20_000;
/** A login may wait `post_auth_delay` seconds (at most 2,147) between authentication and its first statement. */
const LATE_STARTER_SECONDS = 2_400;
/** Handles in one question to a target. */
const SWEPT_AT_ONCE = 2_000;
/** Rows in one question to the store, and the pause before the next, in which others are answered. */
const EXPECTED_AT_ONCE = 1_000;
const PAUSE_MS = 50;
/** At a start people's first requests come first, and what is due. */
const FIRST_AFTER_MS = 1_500;

/**
 * Every target, again and again, by one replica at a time; the first patrol comes soon after the start, so that a crash is
 * mended.
 */
export function createPatrol(ctx: GrantsContext): {
  start(): void;
  stop(): Promise<void>;
  patrolNow(): Promise<void>;
} {
  const everyTarget = async (
    turn: { name: string; everyMs: number } | null,
    signal: AbortSignal,
    act: (targetId: string, signal: AbortSignal) => Promise<void>,
  ) => {
    // Removed ones for as long as a login may start late there.
    const targets = await ctx.db
      .selectFrom('targets')
      .select('id')
      .where((eb) =>
        eb.or([
          eb('removed_at', 'is', null),
          eb('removed_at', '>', sql<Date>`now() - make_interval(secs => ${LATE_STARTER_SECONDS})`),
        ]),
      )
      .execute();
    await Promise.allSettled(
      targets.map(async ({ id }) => {
        try {
          if (turn !== null) {
            const seconds = (turn.everyMs * TURN_SHARE) / 1000;
            if (!(await ctx.turns.take(`${turn.name} ${id}`, seconds))) return;
          }
          await act(id, AbortSignal.any([signal, AbortSignal.timeout(STEP_TIMEOUT_MS)]));
        } catch (error) {
          ctx.log.warn(
            { target: id, reason: messageOf(error) },
            'a patrol could not look at a target; it will look again',
          );
        }
      }),
    );
  };
  const loop = (
    name: string,
    everyMs: number,
    act: (ctx: GrantsContext, targetId: string, signal: AbortSignal) => Promise<void>,
  ) =>
    repeat(ctx, name, everyMs, (signal) =>
      everyTarget({ name, everyMs }, signal, (id, s) => act(ctx, id, s)).then(() => undefined),
    );
  const loops: Repeating[] = [
    loop('patrol', PATROL_EVERY_MS, patrolTarget),
    loop('late starters', SWEEP_EVERY_MS, sweepTarget),
    repeat(ctx, 'removed targets', PATROL_EVERY_MS, async () => {
      await wipeRemoved(ctx.db, LATE_STARTER_SECONDS);
      return undefined;
    }),
  ];
  let first: Timer | null = null;
  return {
    start() {
      first = after(FIRST_AFTER_MS, () => {
        for (const loop of loops) loop.start();
      });
    },
    stop() {
      first?.cancel();
      return Promise.all(loops.map((loop) => loop.stop())).then(() => undefined);
    },
    patrolNow: () => everyTarget(null, new AbortController().signal, (id, s) => patrolTarget(ctx, id, s)),
  };
}

async function patrolTarget(ctx: GrantsContext, targetId: string, signal: AbortSignal): Promise<void> {
  const client = await ctx.targets.open(targetId);
  await lookAtNodes(ctx, targetId, client, signal);
  await ctx.targets.fenceAgain(targetId);
  const expected = await expectedOn(ctx, targetId, signal);
  // Asked after the store: every identity has its intent row first, so what is neither expected nor live is an orphan.
  const marked = await client.marked(signal);
  const known = new Map(expected.map((row) => [row.id, row]));
  const byGrant = Map.groupBy(marked, (handle) => String(handle.grantId));
  const there = new Set(marked.map((handle) => String(handle.login)));
  const missing = expected.filter(({ active, login }) => active && !there.has(login)).map(({ id }) => id);
  for (const row of await grantsOf(ctx, missing)) {
    // A list has an end, and a mark can be changed by hand: only the target's word on this one counts, and of a target
    // with several nodes that of the primary, where the identity was made.
    const { observed, nodes } = await client.inspect(row.handle as Handle, signal);
    const said = nodes?.find((one) => one.role === 'primary')?.observed ?? observed;
    if (said !== 'present') await tellVanished(ctx, row);
  }
  const lost = await vanishedShared(ctx, targetId, client, signal);
  for (const row of await grantsOf(ctx, lost)) await tellVanished(ctx, row);
  await patrolAlterations(ctx, targetId, client, signal);
  // Last, since each may take its time; begun anywhere, so that some that take all of it keep no others from their turn.
  const from = Math.floor(Math.random() * marked.length);
  for (const handle of [...marked.slice(from), ...marked.slice(0, from)]) {
    const row = known.get(String(handle.grantId));
    // A mark can be copied by hand to another identity, which is then nobody's; one that was renamed is the grant's.
    const alone = byGrant.get(String(handle.grantId))?.length === 1;
    const its = row === undefined ? await isLive(ctx, handle) : alone || handle.login === row.login;
    if (!its) await removeOrphan(ctx, targetId, handle, signal);
  }
}

interface Expected {
  id: string;
  login: string;
  active: boolean;
}

/** Grants with an identity on the target, by the store. In pages, since there may be tens of thousands. */
async function expectedOn(ctx: GrantsContext, targetId: string, signal: AbortSignal): Promise<Expected[]> {
  const found: Expected[] = [];
  for (let reached = '', more = true; more; ) {
    const page = await ctx.db
      .selectFrom('grants')
      .select(['id', 'login'])
      .select(sql<boolean>`wanted = 'present' and observed = 'present'`.as('active'))
      .where('target_id', '=', targetId)
      .where((eb) => eb.or([eb('wanted', '=', 'present'), eb('observed', '!=', 'absent')]))
      .where('id', '>', reached)
      .orderBy('id')
      .limit(EXPECTED_AT_ONCE)
      .execute();
    for (const one of page) found.push(one);
    more = page.length === EXPECTED_AT_ONCE;
    reached = page.at(-1)?.id ?? '';
    if (more) await sleep(PAUSE_MS, signal);
  }
  return found;
}

function grantsOf(ctx: GrantsContext, ids: string[]) {
  return ctx.db
    .selectFrom('grants')
    .select(['id', 'request_id', 'target_id', 'login', 'handle'])
    .where('id', '=', sql<string>`any(${ids}::text[])`)
    .execute();
}

/** Made since the list of the expected was read. */
async function isLive(ctx: GrantsContext, handle: Handle): Promise<boolean> {
  const row = await ctx.db
    .selectFrom('grants')
    .select('id')
    .where('id', '=', String(handle.grantId))
    .where((eb) => eb.or([eb('wanted', '=', 'present'), eb('observed', '!=', 'absent')]))
    .executeTakeFirst();
  return row !== undefined;
}

/** One that cannot be removed (another administrator's, say) keeps nobody from the others. */
async function removeOrphan(
  ctx: GrantsContext,
  targetId: string,
  handle: Handle,
  signal: AbortSignal,
): Promise<void> {
  try {
    const client = await ctx.targets.open(targetId);
    const { observed } = await client.inspect(handle, signal);
    // A revocation may have removed it since it was listed.
    if (observed === 'absent') return;
    await tellOrphan(ctx, targetId, handle, observed, await client.revoke(handle, signal));
  } catch (error) {
    if (signal.aborted) throw error;
    ctx.log.error({ target: targetId, handle, reason: messageOf(error) }, 'an orphan could not be removed');
  }
}

async function tellOrphan(
  ctx: GrantsContext,
  targetId: string,
  handle: Handle,
  before: Observed,
  report: RevokeReport,
): Promise<void> {
  ctx.log.error(
    { target: targetId, handle, observed: report.observed },
    'an orphan was found on a target and revoked',
  );
  // What waits for somebody else is looked at in every patrol, and has its entry when it was shut.
  if (before === 'inert' && report.observed === 'inert') return;
  await ctx.db.transaction().execute((trx) =>
    append(trx, {
      kind: 'grant.orphan-removed',
      actor: SYSTEM_ACTOR,
      targetId,
      detail: {
        handle,
        observed: report.observed,
        sessionsEnded: report.sessionsEnded,
        blockers: briefly(report.blockers),
      },
    }),
  );
}

async function tellVanished(ctx: GrantsContext, grant: Ending['grant']): Promise<void> {
  await ctx.db.transaction().execute(async (trx) => {
    const ended = await endGrant(trx, {
      grant,
      reason: 'account-vanished',
      note: 'Its identity was removed from the target by somebody else. It is not made again.',
      actor: SYSTEM_ACTOR,
      byId: null,
    });
    // Given back since it was listed: then it is gone because we removed it.
    if (!ended) return;
    ctx.log.error(
      { target: grant.target_id, grant: grant.id },
      'the identity of an active grant vanished from its target',
    );
    await append(trx, {
      kind: 'grant.account-vanished',
      actor: SYSTEM_ACTOR,
      requestId: grant.request_id,
      grantId: grant.id,
      targetId: grant.target_id,
      detail: { login: grant.login },
    });
  });
}

async function sweepTarget(ctx: GrantsContext, targetId: string, signal: AbortSignal): Promise<void> {
  const ended = ctx.db
    .selectFrom('grants')
    .select(['id', 'handle'])
    .where('target_id', '=', targetId)
    .where('observed', '=', 'absent')
    .where('absent_at', '>', sql<Date>`now() - make_interval(secs => ${LATE_STARTER_SECONDS})`);
  if ((await ended.limit(1).execute()).length === 0) return;
  const client = await ctx.targets.open(targetId);
  if (!(await client.strays(signal))) return;
  // In pages: thousands may have ended in the same second, and one of them is as good a door as another.
  for (let reached = '', more = true; more && !signal.aborted; ) {
    const rows = await ended.where('id', '>', reached).orderBy('id').limit(SWEPT_AT_ONCE).execute();
    more = rows.length === SWEPT_AT_ONCE;
    reached = rows.at(-1)?.id ?? '';
    const handles = rows.map((row) => row.handle as Handle);
    if (handles.length > 0) await endLateSessions(ctx, { targetId, client }, handles, signal);
  }
}

async function endLateSessions(
  ctx: GrantsContext,
  { targetId, client }: { targetId: string; client: TargetClient },
  handles: Handle[],
  signal: AbortSignal,
): Promise<void> {
  const found = await client.sweep(handles, signal);
  for (const { handle, ended } of found.filter((item) => item.ended > 0)) {
    ctx.log.error(
      { target: targetId, handle, ended },
      'a session started after its grant was over; it was ended',
    );
    await ctx.db.transaction().execute((trx) =>
      append(trx, {
        kind: 'grant.late-session-ended',
        actor: SYSTEM_ACTOR,
        grantId: String(handle.grantId ?? ''),
        targetId,
        detail: { handle, ended },
      }),
    );
  }
}
