// Brings the store to this version's shape, one migration at a time, each in a transaction, under a lock that
// lets several replicas start at once. A store that is newer than the program is refused.

import { type Migration, Migrator } from 'kysely/migration';
import { Failure } from '../base/errors.ts';
import type { Db } from './client.ts';
import * as first from './migrations/0001-first.ts';

const MIGRATIONS: Record<string, Migration> = { '0001-first': first };

/** Errors: Failure `store-newer` or `store-migration-failed`. Returns the names that ran. */
export async function migrate(db: Db): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
  const known = new Set(Object.keys(MIGRATIONS));
  const present = await migrator.getMigrations().catch((cause: unknown) => {
    throw new Failure('unavailable', 'store-newer', NEWER, { cause });
  });
  if (present.some((migration) => !known.has(migration.name)))
    throw new Failure('unavailable', 'store-newer', NEWER);
  const { error, results } = await migrator.migrateToLatest();
  if (error !== undefined) {
    throw new Failure(
      'unavailable',
      'store-migration-failed',
      'The store could not be brought to this version.',
      {
        cause: error,
      },
    );
  }
  return (results ?? [])
    .filter((result) => result.status === 'Success')
    .map((result) => result.migrationName);
}

const NEWER =
  'This store was written by a newer Sallyport. Start that version, or restore a backup of this one.';
