// What makes this store this installation: an id that marks everything that it makes on targets, an epoch, and a
// check of the master key, so that a store is never worked on with a key that is not its own.

import { Failure } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Db } from './client.ts';

export interface Installation {
  id: string;
  epoch: number;
}

/** Made at the first start. Errors: `master-key-differs`. */
export async function openInstallation(db: Db, masterKeyCheck: string): Promise<Installation> {
  await db
    .insertInto('installation')
    .values({ id: newId('installation'), master_key_check: masterKeyCheck })
    .onConflict((oc) => oc.doNothing())
    .execute();
  const row = await db.selectFrom('installation').selectAll().executeTakeFirstOrThrow();
  if (row.master_key_check !== masterKeyCheck) {
    throw new Failure('unavailable', 'master-key-differs', 'This store was made with another master key.', {
      hint: 'Put the key file of this installation back (keys/master.key in its data folder), or use another store.',
    });
  }
  return { id: row.id, epoch: row.epoch };
}
