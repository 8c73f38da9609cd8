// What makes this store this installation: an id that marks everything that it makes on targets, an epoch, and a
// check of the master key, so that a store is never worked on with a key that is not its own.

import { Failure } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Db } from './client.ts';
import { OLDEST_BESIDE, STORE_VERSION } from './store-version.ts';

export interface Installation {
  id: string;
  epoch: number;
}

/** Whether somebody has worked on this store already: then its master key exists, and none is made. */
export async function hasInstallation(db: Db): Promise<boolean> {
  return (await db.selectFrom('installation').select('id').executeTakeFirst()) !== undefined;
}

/**
 * Made at the first start. `unwrap` is given a master key that has followed on one that is held, wrapped by it, and
 * says whether it is held then. Errors: `master-key-differs`.
 */
export async function openInstallation(
  db: Db,
  masterKeyCheck: string,
  unwrap: (next: { check: string; wrapped: Buffer; wrappedBy: string }) => boolean = () => false,
): Promise<Installation> {
  await db
    .insertInto('installation')
    .values({
      id: newId('installation'),
      master_key_check: masterKeyCheck,
      store_version: STORE_VERSION,
      oldest_version: OLDEST_BESIDE,
    })
    .onConflict((oc) => oc.doNothing())
    .execute();
  const row = await db.selectFrom('installation').selectAll().executeTakeFirstOrThrow();
  if (row.master_key_check !== masterKeyCheck && !(await followed(db, row.master_key_check, unwrap))) {
    throw new Failure('unavailable', 'master-key-differs', 'This store was made with another master key.', {
      hint: 'Every replica needs the installation’s own key: copy keys/master.key from the data folder of one that runs, or name the file with SALLY_MASTER_KEY_FILE; or use another store.',
    });
  }
  return { id: row.id, epoch: row.epoch };
}

/** The key was rotated while this replica was away. */
async function followed(
  db: Db,
  check: string,
  unwrap: (next: { check: string; wrapped: Buffer; wrappedBy: string }) => boolean,
): Promise<boolean> {
  const next = await db
    .selectFrom('master_keys')
    .select(['key_check as check', 'wrapped', 'wrapped_by as wrappedBy'])
    .where('key_check', '=', check)
    .executeTakeFirst();
  return next !== undefined && unwrap(next);
}
