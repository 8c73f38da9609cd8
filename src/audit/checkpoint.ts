// Signs the state of the log and keeps it, in the store and outside of it. The tree that is signed is grown from
// the copy outside the database, never taken from the store's own columns: somebody who rewrites the store can
// make it fit itself, but cannot get it signed.

import { sql } from 'kysely';
import type { Db } from '../db/client.ts';
import { AuditAlarm } from './alarm.ts';
import type { LogKeys } from './log-keys.ts';
import type { OutsideCopy } from './outside.ts';
import { checkpointText, openNote, parseCheckpoint, signNote } from './verify/note.ts';
import { CompactRange, HASH_BYTES } from './verify/tree.ts';

const LEAVES_A_PAGE = 10_000;
const CHECKPOINTS_A_PAGE = 1_000;

export interface StoredCheckpoint {
  size: number;
  /** Base64, as in the note. */
  root: string;
  note: string;
  at: Date;
}

/** The newest checkpoint in the store, or null before the first. */
export async function latestCheckpoint(db: Db): Promise<StoredCheckpoint | null> {
  const row = await db
    .selectFrom('audit_checkpoints')
    .selectAll()
    .orderBy('size', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? null : { ...row, root: row.root.toString('base64') };
}

/**
 * Before the first checkpoint after a start: is the store the one that the copy outside comes from?
 * Errors: AuditAlarm, naming the first entry that differs.
 */
export async function checkAgainstOutside(db: Db, outside: OutsideCopy, keys: LogKeys): Promise<void> {
  const { size } = await readTree(db);
  if (Math.max(outside.foundLeaves, outside.size) > size) {
    const missing = Math.max(outside.foundLeaves, outside.size);
    throw new AuditAlarm(
      (await firstDifference(db, outside, Math.min(size, outside.size))) ?? size,
      `The database holds ${size} entries, the copy outside of it ${missing}: an older backup was restored, or the end was cut.`,
      true,
    );
  }
  const newest = outside.newest;
  if (newest !== null) {
    const row = await db
      .selectFrom('audit_checkpoints')
      .select('root')
      .where('size', '=', newest.size)
      .executeTakeFirst();
    if (row === undefined || !row.root.equals(newest.root)) {
      const index = (await firstDifference(db, outside, newest.size)) ?? newest.size - 1;
      throw new AuditAlarm(
        index,
        `The database does not have the checkpoint for ${newest.size} entries: it is not the same log.`,
      );
    }
  }
  const latest = await latestCheckpoint(db);
  if (latest !== null && openNote(latest.note, keys.verifierFor(latest.size)) === null) {
    throw new AuditAlarm(
      latest.size - 1,
      'The newest checkpoint in the database was signed with another key.',
    );
  }
}

/**
 * Brings the copy outside up to the store, then signs and keeps the store's state where no checkpoint covers it.
 * Returns the entries that checkpoints cover now. Errors: AuditAlarm; any error of store or disk, after which it
 * can be called again.
 */
export async function checkpointNow(db: Db, outside: OutsideCopy, keys: LogKeys): Promise<number> {
  const { size, root } = await readTree(db);
  if (size < outside.size) {
    throw new AuditAlarm(
      size,
      `The database holds ${size} entries, the copy outside of it ${outside.size}.`,
      true,
    );
  }
  await keepOthers(db, outside, keys, size);
  if ((outside.newest?.size ?? 0) >= size) return size;
  const signer = keys.signer();
  const written = await db.transaction().execute(async (trx) => {
    // One after another, so that sizes only grow and every copy outside gets the same ones in the same order.
    await sql`select pg_advisory_xact_lock(hashtextextended('sallyport checkpoint', 0))`.execute(trx);
    if (!(await keys.maySign(trx, signer))) return false;
    // What another replica has signed meanwhile comes first: the copy outside grows from checkpoint to checkpoint.
    await keepOthers(db, outside, keys, size);
    if ((outside.newest?.size ?? 0) >= size) return true;
    await extendTo(db, outside, size);
    mustAgree(outside, root, 'the tree in the database');
    await outside.syncLeaves();
    const note = signNote(checkpointText({ origin: signer.name, size, root }), signer);
    await sql`
      insert into audit_checkpoints (size, root, note) select ${size}, ${root}::bytea, ${note}
      where not exists (select from audit_checkpoints where size >= ${size})`.execute(trx);
    return true;
  });
  if (!written) {
    // Another replica let the next key sign: with that one, at the next look.
    await keys.refresh();
    return outside.newest?.size ?? 0;
  }
  await keepOthers(db, outside, keys, size);
  return outside.newest?.size ?? 0;
}

/** Checkpoints that the store has and this copy not yet: just made, from before a crash, or from another replica. */
async function keepOthers(db: Db, outside: OutsideCopy, keys: LogKeys, size: number): Promise<void> {
  for (;;) {
    const rows = await db
      .selectFrom('audit_checkpoints')
      .select(['size', 'note'])
      .where('size', '>', outside.newest?.size ?? 0)
      .where('size', '<=', size)
      .orderBy('size')
      .limit(CHECKPOINTS_A_PAGE)
      .execute();
    for (const row of rows) {
      let text = openNote(row.note, keys.verifierFor(row.size));
      if (text === null) {
        await keys.refresh();
        text = openNote(row.note, keys.verifierFor(row.size));
      }
      const body = text === null ? null : parseCheckpoint(text);
      if (body === null || body.origin !== keys.origin || body.size !== row.size) {
        throw new AuditAlarm(
          row.size - 1,
          `The checkpoint for ${row.size} entries in the database was not signed by this log.`,
        );
      }
      await extendTo(db, outside, body.size);
      mustAgree(outside, body.root, `the checkpoint for ${body.size} entries`);
      await outside.syncLeaves();
      await outside.keep(row.note, body);
    }
    if (rows.length < CHECKPOINTS_A_PAGE) return;
  }
}

async function extendTo(db: Db, outside: OutsideCopy, size: number): Promise<void> {
  while (outside.size < size) {
    const from = outside.size;
    const to = Math.min(size, from + LEAVES_A_PAGE);
    const hashes = await leafHashes(db, from, to);
    const bad = hashes.findIndex((hash) => hash === null || hash.length !== HASH_BYTES);
    if (bad >= 0 || hashes.length < to - from) {
      const index = from + (bad >= 0 ? bad : hashes.length);
      throw new AuditAlarm(index, `Entry ${index} is missing in the database.`);
    }
    await outside.extend(hashes.filter((hash) => hash !== null));
  }
}

function mustAgree(outside: OutsideCopy, root: Buffer, what: string): void {
  if (outside.root().equals(root)) return;
  throw new AuditAlarm(
    outside.size - 1,
    `The copy outside the database does not lead to ${what}: history was rewritten.`,
  );
}

/** The first index below `size` whose leaf hash in the store is not the one outside, or null. */
export async function firstDifference(db: Db, outside: OutsideCopy, size: number): Promise<number | null> {
  for (let from = 0; from < size; from += LEAVES_A_PAGE) {
    const to = Math.min(size, from + LEAVES_A_PAGE);
    const [stored, kept] = [await leafHashes(db, from, to), await outside.read(from, to)];
    for (let at = 0; at < to - from; at++) {
      const hash = stored[at];
      if (hash == null || !hash.equals(kept.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)))
        return from + at;
    }
  }
  return null;
}

/** The stored hashes of `[from, to)` in order, null where an index is missing. */
async function leafHashes(db: Db, from: number, to: number): Promise<(Buffer | null)[]> {
  const { rows } = await sql<{ index: number; leaf_hash: Buffer | null }>`
    select index, leaf_hash from audit_entries where index >= ${from} and index < ${to}`.execute(db);
  const hashes = new Array<Buffer | null>(to - from).fill(null);
  for (const row of rows) hashes[row.index - from] = row.leaf_hash;
  return hashes;
}

async function readTree(db: Db): Promise<{ size: number; root: Buffer }> {
  const row = await db.selectFrom('audit_tree').select(['size', 'frontier']).executeTakeFirst();
  if (row === undefined) throw new AuditAlarm(0, 'The state of the log is missing in the database.');
  return { size: row.size, root: storedRange(row.size, row.frontier).root() };
}

/** The tree that the store's columns describe. Errors: AuditAlarm when they describe none. */
export function storedRange(size: number, frontier: readonly Buffer[]): CompactRange {
  try {
    return new CompactRange(size, frontier);
  } catch {
    throw new AuditAlarm(size, 'The state of the log in the database makes no sense.');
  }
}
