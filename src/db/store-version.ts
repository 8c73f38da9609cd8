// Which programs may work on a store. A release has one number, and raises it when it changes the shape of the store:
// it expands first (what is new may be left out by who does not know it) and contracts a release later, so that the
// release before may run beside it. The store says its number and the oldest that may still work on it.

import { sql } from 'kysely';
import { Failure } from '../base/errors.ts';
import type { Db } from './client.ts';

/** Of this program. 1 is everything before there were replicas. */
export const STORE_VERSION = 2;
/** A program and the one before it may share a store. */
export const OLDEST_BESIDE = STORE_VERSION - 1;
/** Who has not been seen for longer does not run any more. */
const ALIVE_SECONDS = 30;

export interface StoreVersion {
  version: number;
  oldest: number;
}

/** Null for a store that nobody has worked on yet. */
export async function readStoreVersion(db: Db): Promise<StoreVersion | null> {
  const { rows } = await sql<{ present: boolean; numbered: boolean }>`
    select to_regclass('installation') is not null as present,
      exists (select from pg_attribute where attrelid = to_regclass('installation')
        and attname = 'oldest_version' and not attisdropped) as numbered`.execute(db);
  if (rows[0]?.present !== true) return null;
  if (!rows[0].numbered) return { version: 1, oldest: 1 };
  const row = await db
    .selectFrom('installation')
    .select(['store_version as version', 'oldest_version as oldest'])
    .executeTakeFirst();
  return row ?? null;
}

/** Errors: Failure `store-newer` when the store lets no program as old as this one work on it. */
export function requireNotTooOld(store: StoreVersion | null): void {
  if (store === null || store.oldest <= STORE_VERSION) return;
  throw new Failure(
    'unavailable',
    'store-newer',
    `This store has version ${store.version}, and the oldest program that may work on it has ${store.oldest}; this one has ${STORE_VERSION}.`,
    {
      hint: 'Start the version that the others run, or restore a backup of this one.',
      facts: { ...store },
    },
  );
}

/**
 * Before the store is brought to this version: nobody may be working on it who could not go on.
 * Errors: Failure `replicas-too-old`, naming them.
 */
export async function requireNobodyTooOld(db: Db, store: StoreVersion | null): Promise<void> {
  if (store === null || store.version >= STORE_VERSION || store.version < 2) return;
  const old = await db
    .selectFrom('replicas')
    .select(['name', 'version'])
    .where('store_version', '<', OLDEST_BESIDE)
    .where('stopped_at', 'is', null)
    .where('seen_at', '>', sql<Date>`now() - make_interval(secs => ${ALIVE_SECONDS})`)
    .orderBy('name')
    .execute();
  if (old.length === 0) return;
  const names = old.map((one) => `${one.name} (${one.version})`).join(', ');
  throw new Failure(
    'unavailable',
    'replicas-too-old',
    `Replicas that are two versions behind still work on this store: ${names}.`,
    { hint: 'Bring them to the version in between first, or stop them all.' },
  );
}

/** The store has this program's shape now; one that is newer keeps its numbers. */
export async function stampStoreVersion(db: Db): Promise<void> {
  await db
    .updateTable('installation')
    .set({ store_version: STORE_VERSION, oldest_version: sql`greatest(oldest_version, ${OLDEST_BESIDE})` })
    .where('store_version', '<', STORE_VERSION)
    .execute();
}
