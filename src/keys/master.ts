// The master key, changed while everything runs. The next key travels through the store, wrapped by the present one;
// each replica puts it into its own file and says so; when all that live hold it, everything that is sealed is sealed
// again in one transaction, and from then on it seals. The old one stays until nothing is left that needs it: live
// grants keep the passwords that were derived from it. Every step is looked up in the store, so a crash anywhere goes on.

import { sql } from 'kysely';
import { append } from '../audit/append.ts';
import { resealLogKeys } from '../audit/log-keys.ts';
import type { Actor } from '../audit/verify/leaf.ts';
import { conflict } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { type Keyring, newMasterKey } from '../base/master-key.ts';
import type { Db, Trx } from '../db/client.ts';
import { type Repeating, repeat } from '../jobs/repeat.ts';
import { resealHostAuthorities } from '../targets/host-authority.ts';
import { resealTargets } from '../targets/targets.ts';

const LOOK_MS = 2_000;
/** Who was not seen for longer does not run; it gets the key from the store when it starts, or a person copies it. */
const LIVING_SECONDS = 15;

export interface MasterKeyContext {
  db: Db;
  log: Logger;
  ring: Keyring;
  /** Proofs that the key has given are given anew with the next one. */
  onReseal: (trx: Trx, next: Pick<Keyring, 'derive'>) => Promise<void>;
}

export interface MasterKeyStatus {
  check: string;
  /** The next key, until everything is sealed with it; then null. */
  next: string | null;
  /** The one before, while something still needs it. */
  previous: string | null;
  /** Replicas that do not hold the key that is to come. */
  waitingFor: string[];
  /** Grants that are not over and whose passwords come from the key before. */
  grantsOfPrevious: number;
}

const wrapContext = (check: string) => `master key ${check}`;

/** Puts the next key on its way. Errors: `rotation-under-way`. Gives its check. */
export async function beginMasterRotation(
  ctx: MasterKeyContext,
  by: { actor: Actor; sourceAddress: string },
): Promise<string> {
  const { text, key } = newMasterKey();
  await ctx.db.transaction().execute(async (trx) => {
    await sql`lock table master_keys in share row exclusive mode`.execute(trx);
    const under = await trx.selectFrom('master_keys').select('key_check').executeTakeFirst();
    if (under !== undefined) {
      throw conflict('rotation-under-way', 'The master key is being rotated already.', {
        hint: 'See what it waits for: sally keys status',
      });
    }
    await trx
      .insertInto('master_keys')
      .values({
        key_check: key.check,
        wrapped: ctx.ring.seal(text, wrapContext(key.check)),
        wrapped_by: ctx.ring.check,
      })
      .execute();
    await append(trx, {
      kind: 'keys.rotated',
      actor: by.actor,
      sourceAddress: by.sourceAddress,
      detail: { key: 'the master key', check: key.check, before: ctx.ring.check },
    });
  });
  return key.check;
}

/** True when the key is held now. For a replica that starts while, or after, the key was changed. */
export function unwrapInto(
  ring: Keyring,
  next: { check: string; wrapped: Buffer; wrappedBy: string },
): boolean {
  if (!ring.checks().includes(next.check)) {
    if (!ring.checks().includes(next.wrappedBy)) return false;
    ring.hold(ring.of(next.wrappedBy).open(next.wrapped, wrapContext(next.check)));
  }
  ring.sealWith(next.check);
  return true;
}

export function createMasterRotation(ctx: MasterKeyContext): Repeating {
  return repeat(ctx, 'master key', LOOK_MS, async () => {
    await step(ctx);
    return undefined;
  });
}

async function step(ctx: MasterKeyContext): Promise<void> {
  const { db, ring } = ctx;
  const [row, installed] = await Promise.all([
    db.selectFrom('master_keys').select(['key_check', 'wrapped', 'wrapped_by']).executeTakeFirst(),
    db.selectFrom('installation').select('master_key_check').executeTakeFirstOrThrow(),
  ]);
  if (row === undefined) {
    if (installed.master_key_check === ring.check) ring.forgetOthers();
    return;
  }
  const next = row.key_check;
  if (!ring.checks().includes(next)) {
    // A change begins only when the one before is at its end: what is held besides is of that.
    if (installed.master_key_check === ring.check) ring.forgetOthers();
    ring.hold(ring.of(row.wrapped_by).open(row.wrapped, wrapContext(next)));
  }
  if (installed.master_key_check !== next) {
    if ((await withoutKey(db, next)).length > 0) return;
    await reseal(ctx, next);
  }
  ring.sealWith(next);
  await finish(ctx, next);
}

/** Everything that is sealed, with the next key; and it is the installation's key from then on. */
async function reseal(ctx: MasterKeyContext, next: string): Promise<void> {
  await ctx.db.transaction().execute(async (trx) => {
    const row = await trx
      .selectFrom('installation')
      .select('master_key_check')
      .forUpdate()
      .executeTakeFirstOrThrow();
    if (row.master_key_check === next) return;
    await resealAll(ctx, trx, next);
    await trx.updateTable('installation').set({ master_key_check: next }).execute();
  });
  ctx.log.warn({ check: next }, 'the master key was rotated: everything is sealed with the new one');
}

async function resealAll({ ring, onReseal }: MasterKeyContext, trx: Trx, next: string): Promise<void> {
  const key = ring.of(next);
  const keys = {
    seal: key.seal,
    open: (sealed: Buffer, context: string) => ring.open(sealed, context),
  };
  await resealTargets(trx, keys);
  await resealHostAuthorities(trx, keys);
  await resealLogKeys(trx, keys);
  await onReseal(trx, key);
}

/** When every replica seals with it and no grant needs the old one, that is forgotten everywhere. */
async function finish(ctx: MasterKeyContext, next: string): Promise<void> {
  const others = await living(ctx.db);
  if (others.some((one) => one.key_checks[0] !== next)) return;
  await ctx.db.transaction().execute(async (trx) => {
    if ((await grantsOfOthers(trx, next)) > 0) return;
    // What somebody sealed with the old one before they had heard.
    await resealAll(ctx, trx, next);
    await trx.deleteFrom('master_keys').where('key_check', '=', next).execute();
  });
}

async function living(db: Db): Promise<{ name: string; key_checks: string[] }[]> {
  return db
    .selectFrom('replicas')
    .select(['name', 'key_checks'])
    .where('stopped_at', 'is', null)
    .where('seen_at', '>', sql<Date>`now() - make_interval(secs => ${LIVING_SECONDS})`)
    .execute();
}

async function withoutKey(db: Db, check: string): Promise<string[]> {
  return (await living(db)).filter((one) => !one.key_checks.includes(check)).map((one) => one.name);
}

/** Not over, with passwords from another key. */
async function grantsOfOthers(db: Db | Trx, check: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from grants
    where (wanted = 'present' or observed <> 'absent')
      and (password_key is null or split_part(password_key, '.', 1) <> ${check})`.execute(db);
  return rows[0]?.count ?? 0;
}

export async function masterKeyStatus(ctx: MasterKeyContext): Promise<MasterKeyStatus> {
  const [row, installed] = await Promise.all([
    ctx.db.selectFrom('master_keys').select(['key_check', 'wrapped_by']).executeTakeFirst(),
    ctx.db.selectFrom('installation').select('master_key_check').executeTakeFirstOrThrow(),
  ]);
  const check = installed.master_key_check;
  const coming = row !== undefined && row.key_check !== check;
  return {
    check,
    next: coming ? row.key_check : null,
    previous: row !== undefined && !coming ? row.wrapped_by : null,
    waitingFor: row === undefined ? [] : await withoutKey(ctx.db, row.key_check),
    grantsOfPrevious: row === undefined || coming ? 0 : await grantsOfOthers(ctx.db, check),
  };
}
