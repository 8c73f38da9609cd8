// What somebody changed by hand on the identity of an active grant. Told once each; what makes it wider ends the grant,
// by the one way out, since nobody decided on what it is now; our mark and the target's own expiry are put right; what
// makes it narrower stays as it is, since it was done by somebody who may, and nothing is made again (lifecycle.md).

import { sql } from 'kysely';
import { z } from 'zod';
import { append, SYSTEM_ACTOR } from '../audit/append.ts';
import { briefly } from '../audit/briefly.ts';
import { messageOf } from '../base/errors.ts';
import { monotonicMs, sleep } from '../base/timer.ts';
import type { Alteration, Handle } from '../connectors/contract.ts';
import { publish } from '../events/events.ts';
import type { GrantsContext } from './context.ts';
import { endGrant } from './end.ts';
import { targetPassword } from './plan.ts';
import type { TargetClient } from './target-health.ts';

/** In one question to a target. */
const MOST_HELD = 2_000;
/** Between two of them, so that a start with tens of thousands of grants answers people meanwhile. */
const PAUSE_MS = 500;
/** Of a patrol, which has more to do in its time. */
const LONGEST_MS = 8_000;
/** The last grant that was looked at by a patrol whose time was over: the next one goes on behind it. */
const reached = new WeakMap<TargetClient, string>();

const stored = z.array(
  z.object({ kind: z.enum(['wider', 'narrower', 'renewable', 'mended']), what: z.string() }),
);

/** As the patrol last saw it. */
export function alterationsOf(row: { altered: unknown }): Alteration[] {
  return row.altered === null ? [] : stored.parse(row.altered);
}

/** Looks at every active grant of a target, and does what its alterations ask for. */
export async function patrolAlterations(
  ctx: GrantsContext,
  targetId: string,
  client: TargetClient,
  signal: AbortSignal,
): Promise<void> {
  const endsAt = monotonicMs() + LONGEST_MS;
  for (let more = true; more && monotonicMs() < endsAt; ) {
    const active = await activeGrants(ctx, targetId, reached.get(client) ?? '');
    await compare(ctx, client, active, signal);
    more = active.length === MOST_HELD;
    reached.set(client, more ? (active.at(-1)?.id ?? '') : '');
    if (more) await sleep(PAUSE_MS, signal);
  }
}

async function compare(
  ctx: GrantsContext,
  client: TargetClient,
  active: Active[],
  signal: AbortSignal,
): Promise<void> {
  const held = active.map((row) => ({
    handle: row.handle as Handle,
    login: row.login,
    taskId: row.task_id,
    entitlement: row.entitlement,
    password: targetPassword(ctx.masterKey, row),
    nativeExpirySeconds: row.native_s,
  }));
  const found = new Map(
    (await client.altered(held, signal)).map((one) => [String(one.handle.grantId), one.alterations]),
  );
  for (const row of active) {
    const now = found.get(row.id) ?? [];
    if (now.length === 0 && row.altered === null) continue;
    try {
      await settle(ctx, client, row, now, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      ctx.log.warn(
        { target: row.target_id, grant: row.id, reason: messageOf(error) },
        'what was changed on an identity could not be dealt with; it is looked at again',
      );
    }
  }
}

type Active = Awaited<ReturnType<typeof activeGrants>>[number];

/**
 * Without what is over: that is ended by now, or about to be, and nothing of it is to be compared or put right. Of a bundle
 * that is not complete yet, nothing has an end.
 */
function activeGrants(ctx: GrantsContext, targetId: string, after: string) {
  return ctx.db
    .selectFrom('grants as g')
    .innerJoin('tasks as k', 'k.id', 'g.task_id')
    .select(['g.id', 'g.request_id', 'g.target_id', 'g.login', 'g.handle', 'g.task_id', 'g.altered'])
    .select(['g.version', 'k.entitlement', 'g.password_key'])
    .select(sql<number>`extract(epoch from g.native_expires_at - now())::float8`.as('native_s'))
    .where('g.target_id', '=', targetId)
    .where('g.wanted', '=', 'present')
    .where('g.observed', '=', 'present')
    .where(sql<boolean>`coalesce(g.expires_at + make_interval(secs => g.landing_s) > now(), true)`)
    .where('g.id', '>', after)
    .orderBy('g.id')
    .limit(MOST_HELD)
    .execute();
}

async function settle(
  ctx: GrantsContext,
  client: TargetClient,
  row: Active,
  now: Alteration[],
  signal: AbortSignal,
): Promise<void> {
  const before = alterationsOf(row).map((one) => one.what);
  // An extension moves the target's expiry before the store's: only what two looks see is put right.
  const again = now.filter((one) => one.kind === 'renewable' && before.includes(one.what));
  if (again.length > 0 && (await unchanged(ctx, row)))
    await client.renew(row.handle as Handle, Math.ceil(row.native_s), signal);
  const told = now.filter((one) =>
    one.kind === 'renewable' ? again.includes(one) : !before.includes(one.what),
  );
  const kept = now.filter((one) => one.kind !== 'mended' && !again.includes(one));
  await ctx.db.transaction().execute(async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('grants')
      .set({ altered: kept.length === 0 ? null : JSON.stringify(kept) })
      .where('id', '=', row.id)
      .where('version', '=', row.version)
      .where('wanted', '=', 'present')
      .executeTakeFirstOrThrow();
    // It was extended or ended since it was looked at; the next patrol sees it as it is then.
    if (numUpdatedRows === 0n || told.length === 0) return;
    const wider = told.filter((one) => one.kind === 'wider');
    const what = sentences(told);
    await append(trx, {
      kind: 'grant.altered',
      actor: SYSTEM_ACTOR,
      requestId: row.request_id,
      grantId: row.id,
      targetId: row.target_id,
      detail: {
        login: row.login,
        what,
        found: briefly(told.map((one) => `${one.kind}: ${one.what}`)),
        ended: wider.length > 0,
      },
    });
    if (wider.length > 0)
      await endGrant(trx, {
        grant: row,
        reason: 'account-altered',
        note: `Somebody else changed its identity on the target. ${sentences(wider)}`,
        actor: SYSTEM_ACTOR,
        byId: null,
      });
    await publish(trx, { topic: 'grants', id: row.id });
    ctx.log.error(
      { target: row.target_id, grant: row.id, what },
      'the identity of an active grant was changed by somebody else',
    );
  });
}

const sentences = (told: Alteration[]): string => briefly(told.map((one) => one.what)).join(' ');

async function unchanged(ctx: GrantsContext, row: Active): Promise<boolean> {
  const found = await ctx.db
    .selectFrom('grants')
    .select('id')
    .where('id', '=', row.id)
    .where('version', '=', row.version)
    .where('wanted', '=', 'present')
    .executeTakeFirst();
  return found !== undefined;
}
