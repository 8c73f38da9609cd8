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

/** Made at the first start. Errors: `master-key-differs`. */
export async function openInstallation(db: Db, masterKeyCheck: string): Promise<Installation> {
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
  if (row.master_key_check !== masterKeyCheck) {
    throw new Failure('unavailable', 'master-key-differs', 'This store was made with another master key.', {
      hint: 'Every replica needs the installation’s own key: copy keys/master.key from the data folder of one that runs, or name the file with SALLY_MASTER_KEY_FILE; or use another store.',
    });
  }
  return { id: row.id, epoch: row.epoch };
}
