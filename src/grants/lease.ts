// Who works on a grant now. A lease keeps two workers apart; the version keeps a worker that woke after its lease
// from writing what it no longer knows (every write names the version that it read).

import { type Selectable, sql, type UpdateObject } from 'kysely';
import type { Db, Trx } from '../db/client.ts';
import type { Tables } from '../db/tables.ts';

export type GrantRow = Selectable<Tables['grants']>;

/** Longer than the longest single step on a target, so that a living worker never loses its lease. */
export const LEASE_SECONDS = 45;

/** The row, leased to the caller, or undefined when another holds it or it is not due. */
export async function claim(db: Db, grantId: string): Promise<GrantRow | undefined> {
  return db
    .updateTable('grants')
    .set({
      lease_until: sql<Date>`date_trunc('milliseconds', clock_timestamp()) + make_interval(secs => ${LEASE_SECONDS})`,
      attempts: sql`attempts + 1`,
      version: sql`version + 1`,
    })
    .where('id', '=', grantId)
    .where((eb) =>
      eb.or([eb('lease_until', 'is', null), eb('lease_until', '<', sql<Date>`clock_timestamp()`)]),
    )
    .where((eb) =>
      eb.or([
        eb.and([eb('wanted', '=', 'present'), eb('observed', '=', 'unknown')]),
        eb.and([eb('wanted', '=', 'absent'), eb('observed', '!=', 'absent')]),
      ]),
    )
    .returningAll()
    .executeTakeFirst();
}

/** Writes `change` and frees the lease, if the row is still as it was read. False: somebody changed it meanwhile. */
export async function settle(
  trx: Trx,
  row: GrantRow,
  change: UpdateObject<Tables, 'grants'>,
): Promise<boolean> {
  const done = await trx
    .updateTable('grants')
    .set({ ...change, lease_until: null, version: sql`version + 1` })
    .where('id', '=', row.id)
    .where('version', '=', row.version)
    .executeTakeFirst();
  return Number(done.numUpdatedRows) === 1;
}

/** Frees the lease that `row` was claimed with, and no other's; the next worker reads the row anew. */
export async function release(db: Db, row: GrantRow): Promise<void> {
  await db
    .updateTable('grants')
    .set({ lease_until: null })
    .where('id', '=', row.id)
    .where('lease_until', '=', row.lease_until)
    .execute();
}
