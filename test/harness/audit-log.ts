// An audit log on a real store, for tests: a fresh database, a data folder, a key, and a quick way to write.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { append } from '../../src/audit/append.ts';
import { verifyStore } from '../../src/audit/export.ts';
import { openLogKey } from '../../src/audit/keys.ts';
import { oneKey } from '../../src/audit/log-keys.ts';
import { createSequencer, type Sequencer } from '../../src/audit/sequence.ts';
import type { NoteSigner } from '../../src/audit/verify/note.ts';
import type { LogVerification, VerifyOptions } from '../../src/audit/verify/verify-log.ts';
import { createLog } from '../../src/base/log.ts';
import { type Db, openStore } from '../../src/db/client.ts';
import { migrate } from '../../src/db/migrate.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';

export const INSTALLATION = '7f3a';
const TABLES = ['audit_entries', 'audit_tree', 'audit_checkpoints'];
const ANNA = { id: 'prn_anna', name: 'anna', kind: 'person' };

export interface TestLog {
  db: Db;
  postgres: TestPostgres;
  dataFolder: string;
  signer: NoteSigner;
  /** A sequencer on the data folder, or on another one; not started. */
  sequencer(folder?: string): Sequencer;
  /** Another data folder, with the same key in use. */
  folder(): Promise<string>;
  /** Writes entries in one transaction; `detail.name` is the name. */
  write(...names: string[]): Promise<void>;
  verify(known?: Pick<VerifyOptions, 'keptCheckpoints' | 'keptLeafHashes'>): Promise<LogVerification>;
  /** Everything that the log has in the store, to be put back later. */
  backup(): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export async function openTestLog(): Promise<TestLog> {
  const postgres = await startPostgres({ version: 18 });
  const db = openStore({ connectionString: postgres.adminUrl, poolSize: 24, onError: () => undefined });
  const folders: string[] = [];
  let backups = 0;
  const folder = async () => {
    const made = await mkdtemp(join(tmpdir(), 'sallyport-test-log-'));
    folders.push(made);
    return made;
  };
  await migrate(db);
  const dataFolder = await folder();
  const signer = await openLogKey(dataFolder, INSTALLATION);
  const log = createLog('silent');
  return {
    db,
    postgres,
    dataFolder,
    signer,
    folder,
    sequencer: (other = dataFolder) =>
      createSequencer({ db, log, dataFolder: other, keys: oneKey(signer), installationId: INSTALLATION }),
    write: (...names) =>
      db.transaction().execute(async (trx) => {
        for (const name of names) await append(trx, { kind: 'test.event', actor: ANNA, detail: { name } });
      }),
    verify: (known = {}) => verifyStore(db, { dataFolder, verifier: signer }, known),
    backup: async () => {
      const schema = `backup_${backups++}`;
      await sql.raw(`create schema ${schema}`).execute(db);
      for (const table of TABLES)
        await sql.raw(`create table ${schema}.${table} as table ${table}`).execute(db);
      return () =>
        db.transaction().execute(async (trx) => {
          for (const table of TABLES) {
            await sql.raw(`delete from ${table}`).execute(trx);
            await sql
              .raw(`insert into ${table} overriding system value table ${schema}.${table}`)
              .execute(trx);
          }
        });
    },
    close: async () => {
      await db.destroy();
      await postgres.stop();
      for (const made of folders) await rm(made, { recursive: true, force: true });
    },
  };
}
