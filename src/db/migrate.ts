// Brings the store to this version's shape, one migration at a time, each in a transaction, under a lock that
// lets several replicas start at once. A store that is newer is left as it is, where it lets this program work on it.

import { sql } from 'kysely';
import { DEFAULT_MIGRATION_TABLE, type Migration, Migrator } from 'kysely/migration';
import { Failure } from '../base/errors.ts';
import type { Db } from './client.ts';
import * as first from './migrations/0001-first.ts';
import * as policyProposals from './migrations/0002-policy-proposals.ts';
import * as signIn from './migrations/0003-sign-in.ts';
import * as machines from './migrations/0004-machines.ts';
import * as decisions from './migrations/0005-decisions.ts';
import * as sessionEnding from './migrations/0007-session-ending.ts';
import * as people from './migrations/0009-people.ts';
import * as endings from './migrations/0010-endings.ts';
import * as breakGlass from './migrations/0011-break-glass.ts';
import * as replicas from './migrations/0012-replicas.ts';
import * as ledger from './migrations/0013-ledger.ts';
import * as columnLabels from './migrations/0014-column-labels.ts';
import * as hosts from './migrations/0015-hosts.ts';
import * as sessionControls from './migrations/0018-session-controls.ts';
import * as statementApprovals from './migrations/0019-statement-approvals.ts';
import * as watchedSessions from './migrations/0020-watched-sessions.ts';
import * as replicaDrain from './migrations/0025-replica-drain.ts';
import * as keptRecordings from './migrations/0026-kept-recordings.ts';
import * as hostCounts from './migrations/0027-host-counts.ts';
import * as roomInGrants from './migrations/0028-room-in-grants.ts';
import { readStoreVersion, requireNobodyTooOld, requireNotTooOld, STORE_VERSION } from './store-version.ts';

const MIGRATIONS: Record<string, Migration> = {
  '0001-first': first,
  '0002-policy-proposals': policyProposals,
  '0003-sign-in': signIn,
  '0004-machines': machines,
  '0005-decisions': decisions,
  '0007-session-ending': sessionEnding,
  '0009-people': people,
  '0011-break-glass': breakGlass,
  '0010-endings': endings,
  '0012-replicas': replicas,
  '0013-ledger': ledger,
  '0014-column-labels': columnLabels,
  '0015-hosts': hosts,
  '0018-session-controls': sessionControls,
  '0019-statement-approvals': statementApprovals,
  '0020-watched-sessions': watchedSessions,
  '0025-replica-drain': replicaDrain,
  '0026-kept-recordings': keptRecordings,
  '0027-host-counts': hostCounts,
  '0028-room-in-grants': roomInGrants,
};

/**
 * Errors: Failure `store-newer`, `replicas-too-old` or `store-migration-failed`; the store's own. Returns the names that
 * ran.
 */
export async function migrate(db: Db): Promise<string[]> {
  const store = await readStoreVersion(db);
  requireNotTooOld(store);
  const unknown = (await appliedMigrations(db)).filter((name) => !Object.hasOwn(MIGRATIONS, name));
  if (unknown.length > 0) {
    // The release after this one has been here, and says that this one may still work.
    if (store !== null && store.version > STORE_VERSION) return [];
    throw new Failure('unavailable', 'store-newer', 'This store was written by a newer Sallyport.', {
      hint: 'Start that version, or restore a backup of this one.',
      facts: { unknown },
    });
  }
  await requireNobodyTooOld(db, store);
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
  const { error, results = [] } = await migrator.migrateToLatest();
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
  return results.filter((result) => result.status === 'Success').map((result) => result.migrationName);
}

async function appliedMigrations(db: Db): Promise<string[]> {
  const { rows } = await sql<{ present: boolean }>`
    select to_regclass(${DEFAULT_MIGRATION_TABLE}) is not null as present`.execute(db);
  if (rows[0]?.present !== true) return [];
  const applied = await sql<{ name: string }>`select name from ${sql.table(DEFAULT_MIGRATION_TABLE)}`.execute(
    db,
  );
  return applied.rows.map((row) => row.name);
}
