// Entitlements that grants share, where a target forces one identity on all of them (a cloud assignment, a group of a
// directory): a counted ledger. A grant is a holder before the target is touched and until the target has confirmed;
// the first holder puts the right there, the last one takes it away. One worker at a time works on a key, by a lease
// with a version, and always does what the holders of that moment want: so no order of two grants, and no crash
// between any two lines, leaves a right that nobody holds, or takes one away that somebody does (ADR 32).

import { sql } from 'kysely';
import { Failure } from '../base/errors.ts';
import type { GrantPlan } from '../connectors/contract.ts';
import type { Db } from '../db/client.ts';
import type { GrantsContext } from './context.ts';
import { type StepGrant, sameStep } from './lease.ts';
import type { TargetClient } from './target-health.ts';

/** Longer than a step on a target, so that a living worker never loses it. */
const LEASE_SECONDS = 30;
/** What is on its way to the target is given up well before another may begin. */
const WORK_LIMIT_MS = 20_000;
/** Holders that come and go while one works; the next step goes on. */
const MOST_TURNS = 5;
const MOST_KEYS = 100;
const LONGEST_KEY = 500;

type Shared = NonNullable<TargetClient['shared']>;

/**
 * Makes the grant a holder of what its plan shares, and that present on the target. False when the row was changed
 * meanwhile: then nothing was taken up. Errors: `shared-busy`, `shared-not-confirmed`, the connector's.
 */
export async function holdShared(
  ctx: GrantsContext,
  row: StepGrant,
  client: TargetClient,
  plan: GrantPlan<unknown>,
  signal: AbortSignal,
): Promise<boolean> {
  const { shared } = client;
  if (shared === null) return true;
  const keys = keysOf(shared, plan);
  const { rows } = await sql<{ id: string }>`
    with step as (select id, target_id from grants where id = ${row.id} and ${sameStep(row)} for update),
    known as (
      insert into shared_entitlements (target_id, key)
      select step.target_id, k from step, unnest(${keys}::text[]) k on conflict do nothing),
    held as (
      insert into shared_holders (target_id, key, grant_id)
      select step.target_id, k, step.id from step, unnest(${keys}::text[]) k on conflict do nothing)
    select id from step`.execute(ctx.db);
  if (rows.length === 0) return false;
  for (const key of keys) {
    if ((await bring(ctx.db, shared, row.target_id, key, signal)) === 'unheld') return false;
  }
  return true;
}

/** Ends what the grant holds; what nobody else holds is gone from the target then. Errors: as `holdShared`. */
export async function releaseShared(
  ctx: GrantsContext,
  row: StepGrant,
  client: TargetClient,
  signal: AbortSignal,
): Promise<void> {
  const { shared } = client;
  if (shared === null) return;
  // Still a row until the target has confirmed: whoever comes after a crash finds what is left to do.
  const { rows } = await sql<{ key: string }>`
    update shared_holders set leaving = true where grant_id = ${row.id}
      and exists (select from grants where id = ${row.id} and ${sameStep(row)}) returning key`.execute(
    ctx.db,
  );
  for (const { key } of rows) {
    await bring(ctx.db, shared, row.target_id, key, signal);
    await ctx.db
      .deleteFrom('shared_holders')
      .where('grant_id', '=', row.id)
      .where('key', '=', key)
      .where('leaving', '=', true)
      .execute();
  }
}

/** Holders of what is gone from the target although somebody holds it: removed there by hand. */
export async function vanishedShared(
  ctx: GrantsContext,
  targetId: string,
  client: TargetClient,
  signal: AbortSignal,
): Promise<string[]> {
  const { shared } = client;
  if (shared === null) return [];
  const keys = await ctx.db
    .selectFrom('shared_entitlements')
    .select('key')
    .where('target_id', '=', targetId)
    .where('observed', '=', 'present')
    .execute();
  const lost: string[] = [];
  for (const { key } of keys) {
    if (await shared.held(key, signal)) continue;
    // Asked again under the lease: the last holder may just be leaving.
    const turn = await claimKey(ctx.db, targetId, key);
    if (turn === null) continue;
    const gone = turn.holders > 0 && turn.observed === 'present' && !(await shared.held(key, signal));
    if (gone) lost.push(...turn.grants);
    await writeKey(ctx.db, targetId, key, turn.version, gone ? 'absent' : turn.observed, turn.standing);
  }
  return [...new Set(lost)];
}

function keysOf(shared: Shared, plan: GrantPlan<unknown>): string[] {
  const keys = [...new Set(shared.keys(plan))].sort();
  if (keys.length > MOST_KEYS || keys.some((key) => key === '' || key.length > LONGEST_KEY))
    throw new Failure(
      'invalid',
      'shared-keys-invalid',
      `A task may share at most ${MOST_KEYS} entitlements, each named by 1 to ${LONGEST_KEY} characters.`,
    );
  return keys;
}

interface Turn {
  version: number;
  /** Who is not leaving. */
  holders: number;
  grants: string[];
  observed: 'unknown' | 'present' | 'absent';
  /** It was there before any grant held it; null: nobody has looked. */
  standing: boolean | null;
}

/** What its holders want, on the target, confirmed by the target. */
async function bring(
  db: Db,
  shared: Shared,
  targetId: string,
  key: string,
  signal: AbortSignal,
): Promise<'held' | 'unheld'> {
  for (let turns = 0; turns < MOST_TURNS; turns += 1) {
    const turn = await claimKey(db, targetId, key);
    if (turn === null) throw busy(key);
    const wanted = turn.holders > 0;
    try {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(WORK_LIMIT_MS)]);
      const standing = await bringOnce(db, shared, { targetId, key, wanted, turn }, bounded);
      const holders = await writeKey(
        db,
        targetId,
        key,
        turn.version,
        wanted ? 'present' : 'absent',
        wanted ? standing : null,
      );
      if (holders === null) throw busy(key);
      if (holders > 0 === wanted) return wanted ? 'held' : 'unheld';
    } catch (error) {
      // What was given up may still happen on the target: nobody else begins before the lease has run out.
      const sure = error instanceof Failure && error.kind !== 'timeout' && !signal.aborted;
      if (sure) await writeKey(db, targetId, key, turn.version, turn.observed, turn.standing);
      throw error;
    }
  }
  throw busy(key);
}

/** Gives `standing`. A right that was there before any grant is not ours to take away. */
async function bringOnce(
  db: Db,
  shared: Shared,
  of: { targetId: string; key: string; wanted: boolean; turn: Turn },
  signal: AbortSignal,
): Promise<boolean> {
  const { key, wanted, turn } = of;
  let { standing } = turn;
  if (wanted && standing === null) {
    standing = await shared.held(key, signal);
    // Before it is put there: afterwards nobody could tell.
    await noteStanding(db, of.targetId, key, turn.version, standing);
  }
  if (standing === true) return true;
  await (wanted ? shared.put(key, signal) : shared.take(key, signal));
  if ((await shared.held(key, signal)) === wanted) return false;
  throw new Failure(
    'unavailable',
    'shared-not-confirmed',
    `The target has not confirmed yet that “${key}” is ${wanted ? 'there' : 'gone'}.`,
  );
}

async function claimKey(db: Db, targetId: string, key: string): Promise<Turn | null> {
  const { rows } = await sql<Turn>`
    update shared_entitlements e set version = e.version + 1,
      lease_until = clock_timestamp() + make_interval(secs => ${LEASE_SECONDS})
    where target_id = ${targetId} and key = ${key} and (lease_until is null or lease_until < clock_timestamp())
    returning e.version, e.observed, e.standing,
      array(select h.grant_id from shared_holders h
        where h.target_id = e.target_id and h.key = e.key and not h.leaving) as grants,
      (select count(*)::int from shared_holders h
        where h.target_id = e.target_id and h.key = e.key and not h.leaving) as holders`.execute(db);
  return rows[0] ?? null;
}

async function noteStanding(
  db: Db,
  targetId: string,
  key: string,
  version: number,
  standing: boolean,
): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('shared_entitlements')
    .set({ standing })
    .where('target_id', '=', targetId)
    .where('key', '=', key)
    .where('version', '=', version)
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 0n) throw busy(key);
}

/** Frees the lease and gives how many hold it now; null: another has taken it over, and nothing was written. */
async function writeKey(
  db: Db,
  targetId: string,
  key: string,
  version: number,
  observed: Turn['observed'],
  standing: boolean | null,
): Promise<number | null> {
  const { rows } = await sql<{ holders: number }>`
    update shared_entitlements e set observed = ${observed}, standing = ${standing}, lease_until = null,
      version = e.version + 1, since = case when e.observed = ${observed} then e.since else clock_timestamp() end
    where target_id = ${targetId} and key = ${key} and version = ${version}
    returning (select count(*)::int from shared_holders h
      where h.target_id = e.target_id and h.key = e.key and not h.leaving) as holders`.execute(db);
  return rows[0]?.holders ?? null;
}

const busy = (key: string) =>
  new Failure('unavailable', 'shared-busy', `Another grant is changing “${key}” on the target right now.`);
